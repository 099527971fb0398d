package imapd_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"postroom/imapd"
	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

// lateVerifier does something after it took a password and before the session
// hears of it.
type lateVerifier struct {
	verifier
	then func(mail.AccountID)
}

func (v lateVerifier) Password(ctx context.Context, login, pw string, peer netip.Addr) (imapd.Identity, error) {
	id, err := v.verifier.Password(ctx, login, pw, peer)
	if err == nil {
		v.then(id.Account)
	}
	return id, err
}

func TestAccountDisabledDuringLogin(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	c := b.config()
	c.Auth = lateVerifier{verifier{b.room, b}, func(id mail.AccountID) {
		if err := b.store.DisableAccount(context.Background(), "test", id); err != nil {
			t.Error(err)
		}
	}}
	c.StillValid = func(ctx context.Context, id imapd.Identity) ([]string, error) {
		st, err := b.store.AccountState(ctx, id.Account)
		if err == nil && st.Disabled {
			err = mail.Errorf(mail.CodeAccountDisabled, "account disabled")
		}
		return st.IMAPWithout, err
	}
	_, addr := serve(t, c, false)
	k := dial(t, addr)
	k.write(t, "a LOGIN ann@example.test \""+password+"\"\r\nb LIST \"\" *\r\nc NOOP\r\n")
	for {
		l := k.line(t)
		if strings.HasPrefix(l, "* LIST") || strings.HasPrefix(l, "b OK") {
			t.Fatalf("a disabled account is served: %s", l)
		}
		if strings.HasPrefix(l, "* BYE") {
			return
		}
	}
}

// lateStore does something after it told of a mailbox to be selected.
type lateStore struct {
	*store.Store
	then func(mail.AccountID)
}

func (s lateStore) OpenMailbox(ctx context.Context, a mail.AccountID, name string) (mail.Mailbox, mail.MailboxState, []string, error) {
	box, st, keywords, err := s.Store.OpenMailbox(ctx, a, name)
	s.then(a)
	return box, st, keywords, err
}

func TestDeliveryDuringSelect(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	c := b.config()
	octets := []byte("Subject: late\r\n\r\nbody\r\n")
	c.Store = lateStore{b.store, func(a mail.AccountID) {
		if _, err := b.store.Deliver(context.Background(), storetest.Delivery(octets, a)); err != nil {
			t.Error(err)
		}
	}}
	_, addr := serve(t, c, false)
	k := dial(t, addr)
	k.write(t, "a LOGIN ann@example.test \""+password+"\"\r\nb SELECT INBOX\r\n")
	said := strings.Join(k.until(t, "b OK"), "\n")
	k.write(t, "c NOOP\r\n")
	said += "\n" + strings.Join(k.until(t, "c OK"), "\n")
	if !strings.Contains(said, "* 1 EXISTS") {
		t.Fatalf("a message that came during SELECT is not told:\n%s", said)
	}
}
