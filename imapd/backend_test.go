package imapd_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"postroom/imapd"
	"postroom/internal/admin"
	"postroom/internal/mail"
	"postroom/internal/sasl/sasltest"
	"postroom/internal/spool"
	"postroom/store"
	"postroom/store/storetest"
)

const password = "correct horse"

// backend is a store with accounts, and what an imapd.Server needs beside it.
type backend struct {
	store *store.Store
	spool *spool.Spool
	room  *sasltest.Room

	mu       sync.Mutex
	accounts map[string]mail.AccountID
	ended    map[mail.AccountID]bool
}

func newBackend(t testing.TB) *backend {
	t.Helper()
	sp, err := spool.New(t.TempDir(), 256<<10)
	if err != nil {
		t.Fatal(err)
	}
	st := storetest.New(t, func(c *store.Config) { c.Decompress = spool.ReadChunk })
	return &backend{store: st, spool: sp, room: sasltest.NewRoom(t), accounts: map[string]mail.AccountID{}, ended: map[mail.AccountID]bool{}}
}

// account makes an account with the test password.
func (b *backend) account(t testing.TB, address string) mail.AccountID {
	t.Helper()
	id := storetest.Account(t, b.store, address)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.accounts[address] = id
	return id
}

func (b *backend) config() imapd.Config {
	return imapd.Config{
		Hostname: "mail.example.test", Store: b.store, Blobs: b.store, Spool: b.spool,
		SetQuotas: func(ctx context.Context, by imapd.Identity, address string, q imapd.Quotas) error {
			a := admin.New(admin.Config{Store: b.store, Actor: mail.Actor("imap:" + by.Login)})
			_, err := a.SetQuotas(ctx, by.Account, address, q.Octets, q.Messages)
			return err
		},
		Append: b.append, Replace: b.replace, Auth: verifier{b.room, b}, StillValid: b.stillValid,
		WatchMailbox: func(a mail.AccountID, m mail.MailboxID) imapd.Watch {
			w := b.store.Watch(a, m)
			return imapd.Watch{C: w.C, Close: w.Close}
		},
		WatchAccount: func(a mail.AccountID) imapd.Watch {
			w := b.store.WatchAccount(a)
			return imapd.Watch{C: w.C, Close: w.Close}
		},
		WatchMailboxes: func(m []mail.Mailbox) imapd.Watch {
			w := b.store.WatchMailboxes(m)
			return imapd.Watch{C: w.C, Close: w.Close}
		},
		Heard:          b.store.Heard,
		AuthWithoutTLS: true, LiftLimits: true, Log: slog.New(slog.DiscardHandler),
		MaxMessageSize: 10 << 20,
	}
}

func (b *backend) append(ctx context.Context, a mail.AccountID, m mail.MailboxID, list []imapd.AppendMessage) (mail.UIDSet, error) {
	var in []store.AppendMessage
	for _, x := range list {
		in = append(in, toStore(x))
	}
	res, err := b.store.Append(ctx, a, m, in)
	return mail.UIDSetOf(res.UIDs...), err
}

func (b *backend) replace(ctx context.Context, a mail.AccountID, m mail.MailboxID, x imapd.AppendMessage, old imapd.Replaced) (mail.UIDSet, error) {
	res, err := b.store.Replace(ctx, a, m, toStore(x), store.Replaced{Mailbox: old.Mailbox, UID: old.UID})
	return mail.UIDSetOf(res.UIDs...), err
}

func toStore(x imapd.AppendMessage) store.AppendMessage {
	return store.AppendMessage{Content: x.Message, Summary: x.Message.Summary, Flags: x.Flags, Keywords: x.Keywords, Received: x.Received}
}

// verifier knows the backend's accounts by their password, without hashing,
// and else those of a room.
type verifier struct {
	*sasltest.Room
	b *backend
}

func (v verifier) Password(ctx context.Context, login, pw string, peer netip.Addr) (imapd.Identity, error) {
	v.b.mu.Lock()
	defer v.b.mu.Unlock()
	id, ok := v.b.accounts[login]
	switch {
	case !ok && strings.HasPrefix(pw, "pr-"), !ok && pw == sasltest.Password:
		return v.Room.Password(ctx, login, pw, peer)
	case !ok || pw != password:
		return imapd.Identity{}, mail.Errorf(mail.CodeBadCredentials, "wrong address or password")
	}
	acct, err := v.b.store.Account(ctx, id)
	return imapd.Identity{Account: id, Login: login, Admin: acct.Admin, IMAPWithout: acct.IMAPWithout}, err
}

func (b *backend) stillValid(ctx context.Context, id imapd.Identity) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended[id.Account] {
		return nil, mail.Errorf(mail.CodeAccountDisabled, "account disabled")
	}
	st, err := b.store.AccountState(ctx, id.Account)
	return st.IMAPWithout, err
}

// serve runs a server until the test ends and gives its address.
func serve(t testing.TB, c imapd.Config, implicitTLS bool) (*imapd.Server, string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, c, ln, implicitTLS)
}

func serveOn(t testing.TB, c imapd.Config, ln net.Listener, implicitTLS bool) (*imapd.Server, string) {
	t.Helper()
	srv := imapd.New(c)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(context.Background(), ln, implicitTLS) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-done; !errors.Is(err, imapd.ErrClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	return srv, ln.Addr().String()
}
