package imapd_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A log names who came and what failed, never a password or a body.
func TestLogHoldsNoSecrets(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	c := b.config()
	var log lockedBuffer
	c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	_, addr := serve(t, c, false)
	cl := dial(t, addr)
	plain := base64.StdEncoding.EncodeToString([]byte("\x00ann@example.test\x00sesame open"))
	cl.write(t, "a LOGIN \"sesame open\" ann@example.test\r\nb LOGIN ann@example.test \"sesame open\"\r\nc AUTHENTICATE PLAIN "+plain+"\r\n")
	cl.until(t, "c NO")
	cl.login(t, "ann@example.test")
	cl.write(t, "d APPEND INBOX {14+}\r\nSubject: tell\r\nd APPEND INBOX {16+}\r\nSubject: tell\r\n\r\n\r\ne FETCH tell\r\n")
	cl.until(t, "e ")
	text := log.String()
	for _, secret := range []string{"sesame", plain, password, "tell"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the log:\n%s", secret, text)
		}
	}
	peer := "peer=127.0.0.1"
	for _, want := range []string{
		fmt.Sprintf(`msg="login failed" proto=imap %s`, peer), "reason=bad-credentials", "login=ann@example.test", `msg=login proto=imap ` + peer,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in the log:\n%s", want, text)
		}
	}
}
