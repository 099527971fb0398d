package bounce

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"postroom/internal/message"
	"postroom/internal/report"
)

// TestOurOwn reads the reports that delivery/dsn writes.
func TestOurOwn(t *testing.T) {
	for name, want := range map[string]string{
		"failure":   "hard <m1@us.test>\nhard failed bob@example.test 550 5.1.1 mx.example.test | 550 5.1.1 No such user here",
		"full":      "hard <m1@us.test>\nhard failed bob@example.test 550 5.1.1 mx.example.test | 550 5.1.1 No such user here",
		"delay":     "delay <m1@us.test>\ndelay delayed bob@example.test 450 4.2.0 mx.example.test | 450 4.2.0 greylisted",
		"relayed":   "success <m1@us.test>\nsuccess relayed bob@example.test 250 2.0.0 mx.example.test | 250 2.0.0 queued",
		"delivered": "success <m1@us.test>\nsuccess delivered bob@example.test 2.0.0 |",
		"global":    "soft <m1@us.test>\nsoft failed käthe@xn--bcher-kva.example 553 5.6.7 mx.x.test | 553 5.6.7 SMTPUTF8 fehlt – schade",
	} {
		b, err := os.ReadFile(filepath.Join("../../delivery/dsn/testdata", name+".eml"))
		if err != nil {
			t.Fatal(err)
		}
		if got := show(read(t, b)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

// TestBounds: of a report of twenty thousand recipients a thousand are kept, and
// no text is longer than it may be.
func TestBounds(t *testing.T) {
	var dsn, list strings.Builder
	dsn.WriteString("From: mailer-daemon@x.test\nContent-Type: multipart/report; boundary=b\n\n--b\n\n")
	list.WriteString("From: mailer-daemon@x.test\n\nHi. This is the qmail-send program\n\n")
	for i := range 20_000 {
		fmt.Fprintf(&list, "<u%d@peer.test>:\n%s\n\n", i, strings.Repeat("ä", i%1000))
	}
	dsn.WriteString(list.String()[strings.Index(list.String(), "Hi."):])
	dsn.WriteString("\n--b\nContent-Type: message/delivery-status\n\n")
	for i := range 20_000 {
		fmt.Fprintf(&dsn, "Final-Recipient: rfc822; u%d@peer.test\nStatus: 5.1.1\n\n", i)
	}
	for name, m := range map[string]string{"dsn": dsn.String(), "list": list.String()} {
		r := read(t, []byte(m))
		if r == nil || len(r.Recipients) != maxRecipients && name == "dsn" || len(r.Recipients) > maxRecipients || len(r.Recipients) < 100 {
			t.Fatalf("%s: %d recipients", name, len(r.Recipients))
		}
		long := false
		for _, rc := range r.Recipients {
			if len(rc.Reply.Text) > maxText || !utf8.ValidString(rc.Reply.Text) {
				t.Errorf("%s: %q", name, rc.Reply.Text)
			}
			long = long || len(rc.Reply.Text) > maxText-2
		}
		if !long {
			t.Errorf("%s: no text reaches its bound", name)
		}
	}
}

type failing struct{ *bytes.Reader }

var errDisk = errors.New("disk")

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off > 100 {
		return 0, errDisk
	}
	return f.Reader.ReadAt(p, off)
}

// TestSourceFails: what could not be read is no "nothing".
func TestSourceFails(t *testing.T) {
	b, err := os.ReadFile("testdata/dsn-mixed.eml")
	if err != nil {
		t.Fatal(err)
	}
	p := message.NewParser(nil)
	p.Write(b)
	parts, err := message.DecodeParts(p.Finish().Parts)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := Read(failing{bytes.NewReader(b)}, parts); r != nil || !errors.Is(err, errDisk) {
		t.Errorf("%v, %v", r, err)
	}
}

func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.eml")
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := read(t, b)
		if r == nil {
			return
		}
		if len(r.Recipients) > maxRecipients || len(r.EnvID) > maxEnvID || r.Kind == 0 || len(r.Traces) > 50 {
			t.Fatalf("%+v", r)
		}
		for _, rc := range r.Recipients {
			text := rc.Action + rc.Reply.Text + rc.Reply.Remote + rc.Reply.Status + r.EnvID
			if rc.Kind == 0 || rc.Kind > r.Kind || len(rc.Reply.Text) > maxText || len(rc.Reply.Remote) > maxHost || len(rc.Action) > 32 {
				t.Fatalf("%+v", rc)
			}
			if !utf8.ValidString(text) || strings.ContainsAny(text, "\r\n\x00\u202e") {
				t.Fatalf("not for a text column: %q", text)
			}
		}
		if clean := report.Clean([]byte(r.EnvID), maxEnvID); clean != r.EnvID {
			t.Fatalf("%q, then %q", r.EnvID, clean)
		}
	})
}
