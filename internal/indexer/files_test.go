package indexer

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"postroom/internal/doctext"
	"postroom/internal/mail"
	"postroom/internal/searchtext"
)

// reader says what is in a file in capitals.
type reader struct {
	read []string
	fail map[string]error
}

func (r *reader) Text(_ context.Context, mediaType string, file io.Reader) (string, error) {
	b, err := io.ReadAll(file)
	r.read = append(r.read, mediaType+" "+string(b))
	return "read " + string(b), errors.Join(err, r.fail[string(b)])
}

// withPDF is a message with a text and a PDF, in base64.
const withPDF = "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nletter\r\n--b\r\nContent-Type: application/pdf\r\n" +
	"Content-Transfer-Encoding: base64\r\n\r\nKUMQUAT\r\n--b--\r\n"

func pdf(base64 string) string { return strings.Replace(withPDF, "KUMQUAT", base64, 1) }

func TestFilesAreReadBehindAllElse(t *testing.T) {
	m := newMailbox(3)
	m.messages[1] = pdf("a3VtcXVhdA==")              // kumquat
	m.messages = append(m.messages, pdf("YnJva2Vu")) // broken
	m.messages = append(m.messages, pdf("cXVpbmNl")) // quince
	r := &reader{fail: map[string]error{"broken": errors.New("exit status 1")}}
	for range 2 {
		if _, err := New(m, r, quiet()).Round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"application/pdf kumquat", "application/pdf broken", "application/pdf quince"}; !slices.Equal(r.read, want) {
		t.Errorf("read %q", r.read)
	}
	if m.read != 5 || m.indexed != 5 {
		t.Errorf("read up to %d, indexed up to %d", m.read, m.indexed)
	}
	has := func(id int, word string) bool {
		for _, g := range searchtext.NewMatcher(word).Grams() {
			if !slices.Contains(m.saved[mail.MessageID(id)].Grams, g) {
				return false
			}
		}
		return true
	}
	if !has(2, "kumquat") || !has(2, "letter") || !has(5, "quince") || has(4, "broken") || !has(4, "letter") {
		t.Error("the index does not have the files' words, or those of one that cannot be read")
	}
}

func TestFilesWaitForTheirProgram(t *testing.T) {
	m := newMailbox(1)
	m.messages = append(m.messages, pdf("a3VtcXVhdA=="))
	r := &reader{fail: map[string]error{"kumquat": doctext.ErrGone}}
	if more, err := New(m, r, quiet()).Round(t.Context()); err != nil || more || m.read != 0 || m.indexed != 2 {
		t.Fatalf("%v, more %v, read up to %d, indexed up to %d", err, more, m.read, m.indexed)
	}
	r.fail = nil
	if _, err := New(m, r, quiet()).Round(t.Context()); err != nil || m.read != 2 {
		t.Errorf("%v, read up to %d", err, m.read)
	}
}
