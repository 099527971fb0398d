package imapd_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"postroom/imapd"
	"postroom/internal/mail"
)

// endlessStore never comes to an end of a mailbox.
type endlessStore struct {
	imapd.Store
	begun chan struct{}
}

func (s *endlessStore) FetchMessages(ctx context.Context, _ mail.AccountID, _ mail.MailboxID, _ mail.UIDSet, _ mail.Columns, _ func(*mail.MessageRow) error) error {
	close(s.begun)
	<-ctx.Done()
	return ctx.Err()
}

// A command that reads and reads does not hold up the end.
func TestShutdownEndsALongSearch(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	c := b.config()
	endless := &endlessStore{Store: c.Store, begun: make(chan struct{})}
	c.Store = endless
	srv, addr := serve(t, c, false)
	cl := dial(t, addr)
	cl.login(t, "ann@example.test")
	cl.write(t, "a APPEND INBOX {14+}\r\nSubject: x\r\n\r\n\r\nb SELECT INBOX\r\n")
	cl.until(t, "b OK")
	cl.write(t, "c SEARCH TEXT x\r\n")
	<-endless.begun
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	done := make(chan error, 1)
	go func() { done <- srv.Shutdown(ctx) }()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the search goes on")
	}
}
