package imapd_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FuzzSession sends octets to a session that is logged in and has a mailbox:
// it must answer or close, and never panic.
func FuzzSession(f *testing.F) {
	files, _ := filepath.Glob("testdata/*/*.txt")
	for _, file := range files {
		octets, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var in strings.Builder
		for _, l := range strings.Split(string(octets), "\n") {
			if _, text, ok := strings.Cut(l, ": "); ok && strings.HasPrefix(l, "C") {
				in.WriteString(text + "\r\n")
			}
		}
		f.Add([]byte(in.String()))
	}
	f.Add([]byte("a APPEND INBOX {14+}\r\nSubject: x\r\n\r\n\r\nb FETCH 1 (BODY[] BINARY[1] BODYSTRUCTURE)\r\n"))
	b := newBackend(f)
	account := b.account(f, "ann@example.test")
	// COPY 1:* again and again must not fill the disk.
	if err := b.store.ExecForTest(context.Background(), `UPDATE accounts SET quota_bytes = 4000 WHERE id = $1`, int64(account)); err != nil {
		f.Fatal(err)
	}
	c := b.config()
	panics := make(chan string, 1)
	c.Log = slog.New(panicHandler{slog.DiscardHandler, panics})
	_, addr := serve(f, c, false)
	f.Fuzz(func(t *testing.T, octets []byte) {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
		in := fmt.Sprintf("l LOGIN ann@example.test %q\r\ns SELECT INBOX\r\ns STORE 1:* +FLAGS.SILENT (\\Deleted)\r\ns EXPUNGE\r\n%s\r\nDONE\r\n", password, octets)
		go func() {
			_, _ = io.Copy(nc, bytes.NewReader([]byte(in)))
			_ = nc.(*net.TCPConn).CloseWrite()
		}()
		if _, err := io.Copy(io.Discard, nc); err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				t.Fatalf("no end after %q", octets)
			}
		}
		select {
		case text := <-panics:
			t.Fatalf("after %q: %s", octets, text)
		default:
		}
	})
}

// panicHandler reports the log line of a session that panicked.
type panicHandler struct {
	slog.Handler
	panics chan<- string
}

func (h panicHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h panicHandler) WithAttrs([]slog.Attr) slog.Handler       { return h }

func (h panicHandler) Handle(_ context.Context, r slog.Record) error {
	if !strings.Contains(r.Message, "panicked") {
		return nil
	}
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	select {
	case h.panics <- text:
	default:
	}
	return nil
}
