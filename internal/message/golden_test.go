package message

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postroom/internal/mail"
)

var update = flag.Bool("update", false, "write the golden files anew")

// odd reads a message of testdata; the files have LF, messages CRLF.
func odd(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
}

func oddMessages(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(paths) < 40 {
		t.Fatalf("%d messages in testdata, %v", len(paths), err)
	}
	return paths
}

func summarise(b []byte) mail.Summary {
	p := NewParser(nil)
	p.Write(b)
	return p.Finish()
}

// TestGolden compares what is kept of each odd message with what was reviewed
// by hand.
func TestGolden(t *testing.T) {
	for _, path := range oddMessages(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			b := odd(t, path)
			got := describeAll(t, b, summarise(b))
			golden := strings.TrimSuffix(path, ".eml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func describeAll(t *testing.T, b []byte, s mail.Summary) string {
	root, err := DecodeParts(s.Parts)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "envelope\t%s\nstructure\t%s\nbody\t%s\n", s.Envelope, s.BodyStructure, BasicBody(s.BodyStructure))
	fmt.Fprintf(&out, "size\t%d header %d\n", s.Size, s.HeaderSize)
	fmt.Fprintf(&out, "ids\t%q after %q\n", s.MessageID, s.ThreadKey)
	if !s.SentAt.IsZero() {
		fmt.Fprintf(&out, "sent\t%s\n", s.SentAt.Format("2006-01-02T15:04:05Z"))
	}
	fmt.Fprintf(&out, "preview\t%q\n", s.Preview)
	describePart(&out, b, root, "")
	return strings.ReplaceAll(out.String(), "\r", "")
}

// describePart tells each part by the number BODY[…] gives it.
func describePart(out *strings.Builder, b []byte, p *Part, path string) {
	fmt.Fprintf(out, "part %s\t%s/%s %s %s lines %d\n", path, p.Type, p.Subtype, p.Encoding, p.Charset, p.Lines)
	fmt.Fprintf(out, "\theader\t%q\n\tbody\t%q\n", short(b[p.HeaderOff:p.BodyOff]), short(b[p.BodyOff:p.EndOff]))
	for i, c := range p.Children {
		describePart(out, b, c, strings.TrimPrefix(fmt.Sprintf("%s.%d", path, i+1), "."))
	}
	if p.Message != nil {
		describePart(out, b, p.Message, path+"(message)")
	}
}

func short(b []byte) []byte {
	if len(b) > 60 {
		return append(append(bytes.Clone(b[:28]), " … "...), b[len(b)-28:]...)
	}
	return b
}
