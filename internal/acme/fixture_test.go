package acme

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"sync"
	"testing"
	"time"

	"postroom/internal/mail"
	"postroom/internal/secret"
	"postroom/store"
	"postroom/store/storetest"
)

// authority is an issuer whose certificates live for 90 days.
type authority struct {
	now    func() time.Time
	last   map[string][]byte
	err    error
	issued int
}

func (a *authority) Issue(_ context.Context, name string) ([]byte, error) {
	if a.err != nil {
		return nil, a.err
	}
	a.issued++
	a.last[name] = a.make(name)
	return a.last[name], nil
}

func (a *authority) Last(_ context.Context, name string) []byte { return a.last[name] }

func (a *authority) make(name string) []byte {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: serial, DNSNames: []string{name},
		Subject: pkix.Name{CommonName: "Test CA"}, NotBefore: a.now(), NotAfter: a.now().Add(90 * 24 * time.Hour)},
		&x509.Certificate{Subject: pkix.Name{CommonName: "Test CA"}}, key.Public(), key)
	if err != nil {
		panic(err)
	}
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(key)
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})...)
}

// world is a database with its master key, an authority and a clock.
type world struct {
	*authority
	url   string
	store *store.Store
	key   *secret.Key
	clock time.Time
	names []string
	logs  logs
}

type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t *testing.T, names ...string) *world {
	t.Helper()
	w := &world{url: storetest.Database(t), clock: time.Now().Truncate(time.Second), names: names}
	w.authority = &authority{now: func() time.Time { return w.clock }, last: map[string][]byte{}}
	w.store = storetest.Open(t, w.url)
	var err error
	if w.key, err = secret.NewKey(); err != nil {
		t.Fatal(err)
	}
	if err := w.store.BindMasterKey(t.Context(), w.key.Fingerprint()); err != nil {
		t.Fatal(err)
	}
	return w
}

// node is one more process on the database.
func (w *world) node(t *testing.T, change ...func(*Config)) *Manager {
	t.Helper()
	c := Config{Store: storetest.Open(t, w.url), Open: w.key.Open, Directory: "https://ca.test/dir", Email: "admin@example.test",
		Key:   func(context.Context) (*secret.Key, error) { return w.key, nil },
		Names: func(context.Context, []string) ([]string, error) { return w.names, nil },
		Now:   w.now, Log: slog.New(slog.NewTextHandler(&w.logs, nil)), HTTPPort: 80, HTTPSPort: 443, issuer: w.authority}
	for _, f := range change {
		f(&c)
	}
	m := New(c)
	t.Cleanup(m.Close)
	return m
}

// row gives what the store says of a name.
func (w *world) row(t *testing.T, name string) mail.Certificate {
	t.Helper()
	list, err := w.store.Certificates(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("%s is not in the store", name)
	return mail.Certificate{}
}

func serial(m *Manager, name string) string {
	if c := m.Certificate(name); c != nil {
		return c.Leaf.SerialNumber.String()
	}
	return ""
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var errAway = errors.New("the authority is away")
