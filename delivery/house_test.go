package delivery_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"postroom/delivery"
	"postroom/internal/mail"
	"postroom/internal/spool"
	"postroom/store"
	"postroom/store/storetest"
)

// house is a Delivery on a real store, with alice and bob in example.test.
type house struct {
	*delivery.Delivery
	t          testing.TB
	store      *store.Store
	spool      *spool.Spool
	cfg        delivery.Config
	alice, bob mail.AccountID

	mu  sync.Mutex
	now time.Time
}

func newHouse(t testing.TB, signer delivery.Signer) *house {
	t.Helper()
	s := storetest.New(t, func(c *store.Config) { c.Decompress = spool.ReadChunk })
	h := newHouseOn(t, s)
	h.alice = storetest.Account(t, s, "alice@example.test")
	h.bob = storetest.Account(t, s, "bob@example.test")
	h.Delivery = delivery.New(h.cfg, s, h.spool, signer)
	return h
}

// newHouseOn is one more process on a store that is there.
func newHouseOn(t testing.TB, s *store.Store) *house {
	t.Helper()
	sp, err := spool.New(t.TempDir(), 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, store: s, spool: sp, now: time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)}
	h.cfg = delivery.Config{Hostname: "mx.example.test", MaxSize: 1 << 20, Now: h.clock}
	h.Delivery = delivery.New(h.cfg, s, sp, nil)
	return h
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

var peer = netip.MustParseAddrPort("192.0.2.1:4711")

func mx() *mail.Session {
	return &mail.Session{Role: mail.RoleMX, Peer: peer, Helo: "mail.out.test", ESMTP: true, TLSVersion: "TLS 1.3", TLSCipher: "TLS_AES_128_GCM_SHA256"}
}

func (h *house) submission() *mail.Session {
	return &mail.Session{Role: mail.RoleSubmission, Peer: peer, Helo: "laptop", ESMTP: true, TLSVersion: "TLS 1.3", TLSCipher: "TLS_AES_128_GCM_SHA256",
		Account: h.alice, Login: "alice@example.test"}
}

func addr(s string) mail.Address {
	i := strings.LastIndexByte(s, '@')
	return mail.Address{Local: s[:max(i, 0)], Domain: s[i+1:]}
}

func envelope(from string, to ...string) *mail.Envelope {
	e := &mail.Envelope{}
	if from != "" {
		e.From = addr(from)
	}
	for _, r := range to {
		e.Recipients = append(e.Recipients, mail.Recipient{Address: addr(r)})
	}
	return e
}

// send goes through the walk of SMTP: MAIL, each RCPT, DATA in small pieces.
func (h *house) send(s *mail.Session, e *mail.Envelope, octets string) (mail.Delivered, error) {
	ctx := context.Background()
	if err := h.CheckSender(ctx, s, &mail.Envelope{From: e.From, UTF8: e.UTF8}); err != nil {
		return mail.Delivered{}, err
	}
	for _, r := range e.Recipients {
		if err := h.CheckRecipient(ctx, s, e, r); err != nil {
			return mail.Delivered{}, err
		}
	}
	m, err := h.Begin(ctx, s, e)
	if err != nil {
		return mail.Delivered{}, err
	}
	for i := 0; i < len(octets); i += 7 {
		if _, err := io.WriteString(m, octets[i:min(i+7, len(octets))]); err != nil {
			h.t.Fatal(err)
		}
	}
	return m.Commit(ctx)
}

func (h *house) mustSend(s *mail.Session, e *mail.Envelope, octets string) mail.Delivered {
	h.t.Helper()
	out, err := h.send(s, e, octets)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// filed gives the stored messages of an account, prefix and octets apart, in
// order of arrival.
func (h *house) filed(acct mail.AccountID) (out []stored) {
	h.t.Helper()
	var n int
	h.query([]any{&n}, `SELECT count(*) FROM messages WHERE account_id = $1`, acct)
	for i := range n {
		var m stored
		var prefix []byte
		var blob int64
		h.query([]any{&prefix, &blob, &m.envelope}, `SELECT prefix, blob_id, envelope FROM messages WHERE account_id = $1 ORDER BY id OFFSET $2 LIMIT 1`, acct, i)
		m.prefix, m.octets = string(prefix), h.blob(blob)
		out = append(out, m)
	}
	return out
}

type stored struct {
	prefix, octets string
	envelope       []byte
}

func (h *house) blob(id int64) string {
	h.t.Helper()
	var chunks int
	h.query([]any{&chunks}, `SELECT count(*) FROM blobs WHERE blob_id = $1`, id)
	var b bytes.Buffer
	for i := range chunks {
		var frame []byte
		h.query([]any{&frame}, `SELECT data FROM blobs WHERE blob_id = $1 AND chunk = $2`, id, i)
		plain, err := spool.ReadChunk(nil, frame)
		if err != nil {
			h.t.Fatal(err)
		}
		b.Write(plain)
	}
	return b.String()
}

func (h *house) query(dest []any, sql string, args ...any) {
	h.t.Helper()
	if err := h.store.QueryForTest(context.Background(), dest, sql, args...); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	if err := h.store.ExecForTest(context.Background(), sql, args...); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) count(sql string, args ...any) (n int) {
	h.t.Helper()
	h.query([]any{&n}, sql, args...)
	return n
}

// queued gives all that is due, taking the leases.
func (h *house) queued() []mail.LeasedMessage {
	h.t.Helper()
	got, err := h.store.LeaseDue(context.Background(), mail.LeaseArgs{For: time.Hour})
	if err != nil {
		h.t.Fatal(err)
	}
	return got
}

// twoKeys is a Signer with one key of each algorithm, and the TXT records that
// publish them.
type twoKeys struct {
	keys []delivery.SigningKey
	txt  map[string]string
}

var testRSA = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func newKeys(t testing.TB) *twoKeys {
	t.Helper()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k := &twoKeys{txt: map[string]string{}}
	for sel, key := range map[string]crypto.Signer{"r1": testRSA(), "e1": ed} {
		k.keys = append(k.keys, delivery.SigningKey{Selector: sel, Key: key})
		public := []byte(ed.Public().(ed25519.PublicKey))
		kind := "ed25519"
		if sel == "r1" {
			kind = "rsa"
			if public, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
				t.Fatal(err)
			}
		}
		k.txt[sel+"._domainkey.example.test"] = "v=DKIM1; k=" + kind + "; p=" + base64.StdEncoding.EncodeToString(public)
	}
	return k
}

func (k *twoKeys) SigningKeys(_ context.Context, domain string) ([]delivery.SigningKey, error) {
	if domain != "example.test" {
		return nil, nil
	}
	return k.keys, nil
}

func peerIn(ip string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(ip), 4712) }
