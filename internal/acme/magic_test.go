package acme

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// TestChallengeOfAnotherNode: the authority asks a node that knows of the
// challenge only what the database says.
func TestChallengeOfAnotherNode(t *testing.T) {
	w := newWorld(t, name)
	one, other := w.node(t), w.node(t)
	c := acme.Challenge{Token: "token", KeyAuthorization: "token.thumbprint", Type: acme.ChallengeTypeHTTP01,
		Identifier: acme.Identifier{Type: "dns", Value: name}}
	raw, err := json.Marshal(c)
	must(t, err)
	path := fmt.Sprintf("acme/%s/challenge_tokens/%s.json", one.magic.issuer.IssuerKey(), name)
	must(t, one.files.Store(t.Context(), path, raw))

	srv := httptest.NewServer(other.HTTPChallenge(http.NotFoundHandler()))
	defer srv.Close()
	for url, want := range map[string]string{"/.well-known/acme-challenge/token": "200 token.thumbprint",
		"/.well-known/acme-challenge/else": "404 404 page not found\n", "/": "404 404 page not found\n"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+url, nil)
		must(t, err)
		r.Host = name
		got, err := http.DefaultClient.Do(r)
		must(t, err)
		body, _ := io.ReadAll(got.Body)
		got.Body.Close()
		if s := fmt.Sprintf("%d %s", got.StatusCode, body); s != want {
			t.Errorf("%s: %s", url, s)
		}
	}

	must(t, other.renewDue(t.Context()))
	base := &tls.Config{NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return other.Certificate(name), nil }}
	l, err := tls.Listen("tcp", "127.0.0.1:0", other.ChallengeTLS(base))
	must(t, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func(c net.Conn) { defer c.Close(); io.Copy(c, c) }(c)
		}
	}()
	proof := func(server string) bool {
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, ServerName: server, NextProtos: []string{acmez.ACMETLS1Protocol}})
		if err != nil {
			return false
		}
		defer c.Close()
		for _, x := range c.ConnectionState().PeerCertificates[0].Extensions {
			if x.Id.String() == "1.3.6.1.5.5.7.1.31" && x.Critical {
				return c.ConnectionState().NegotiatedProtocol == acmez.ACMETLS1Protocol
			}
		}
		return false
	}
	if !proof(name) || proof("unknown.test") {
		t.Error("TLS-ALPN-01 is not answered for the name alone")
	}
	plain, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, ServerName: name, NextProtos: []string{"http/1.1"}})
	must(t, err)
	defer plain.Close()
	if plain.ConnectionState().PeerCertificates[0].SerialNumber.String() != serial(other, name) {
		t.Error("other clients get the challenge's certificate")
	}
}

func TestFiles(t *testing.T) {
	w := newWorld(t)
	f := w.node(t).files
	ctx := t.Context()
	value := []byte("-----BEGIN EC PRIVATE KEY-----")
	for _, p := range []string{"acme/ca/users/a/a.key", "acme/ca/users/a/a.json", "acme/ca/users/b/b.key", "acme/cab/x", "ocsp"} {
		must(t, f.Store(ctx, p, value))
	}
	if got, err := f.Load(ctx, "acme/ca/users/a/a.key"); err != nil || !bytes.Equal(got, value) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := f.Load(ctx, "acme/ca"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory was loaded: %v", err)
	}
	for _, tc := range []struct {
		path      string
		recursive bool
		want      string
	}{
		{"acme/ca/users", false, "acme/ca/users/a acme/ca/users/b"},
		{"acme/ca", true, "acme/ca/users/a/a.json acme/ca/users/a/a.key acme/ca/users/b/b.key"},
		{"", false, "acme ocsp"},
	} {
		got, err := f.List(ctx, tc.path, tc.recursive)
		if strings.Join(got, " ") != tc.want || err != nil {
			t.Errorf("list of %q: %v, %v", tc.path, got, err)
		}
	}
	if dir, err := f.Stat(ctx, "acme/ca"); err != nil || dir.IsTerminal {
		t.Errorf("%+v, %v", dir, err)
	}
	if file, err := f.Stat(ctx, "ocsp"); err != nil || !file.IsTerminal || file.Modified.IsZero() {
		t.Errorf("%+v, %v", file, err)
	}
	must(t, f.Delete(ctx, "acme/ca"))
	must(t, f.Delete(ctx, "acme/ca"))
	if f.Exists(ctx, "acme/ca") || f.Exists(ctx, "acme/ca/users/a/a.key") || !f.Exists(ctx, "acme/cab/x") || !f.Exists(ctx, "acme") {
		t.Error("a deletion took too little or too much")
	}
	if _, err := f.Stat(ctx, "acme/ca"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	sealed, err := w.store.LoadACMEFile(ctx, "ocsp")
	if err != nil || bytes.Contains(sealed, []byte("PRIVATE")) {
		t.Errorf("a dump shows what was kept: %v", err)
	}
}

func TestLocks(t *testing.T) {
	w := newWorld(t)
	one, other := newLocks(w.store, w.node(t).cfg.Log), newLocks(w.store, nil)
	must(t, one.Lock(t.Context(), "a"))
	if ok, err := other.TryLock(t.Context(), "a"); ok || err != nil {
		t.Fatal(ok, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := other.Lock(ended, "a"); !errors.Is(err, context.Canceled) && err == nil {
		t.Error("a lock was waited for longer than its context")
	}
	must(t, one.Unlock(ended, "a")) // also when the work was called off
	must(t, other.Lock(t.Context(), "a"))
	must(t, other.Unlock(t.Context(), "a"))
	if one.Unlock(t.Context(), "a") == nil {
		t.Error("a lock was given back twice")
	}
}

func TestKeysOfCertmagicFit(t *testing.T) {
	w := newWorld(t, name)
	m := w.node(t).magic
	pem := w.make(name)
	i := bytes.Index(pem, []byte("-----BEGIN PRIVATE"))
	must(t, m.storage.Store(t.Context(), certmagic.StorageKeys.SiteCert(m.issuer.IssuerKey(), name), pem[:i]))
	if m.Last(t.Context(), name) != nil {
		t.Error("half a pair was taken")
	}
	must(t, m.storage.Store(t.Context(), certmagic.StorageKeys.SitePrivateKey(m.issuer.IssuerKey(), name), w.make(name)[i:]))
	if m.Last(t.Context(), name) != nil {
		t.Error("a key of another certificate was taken")
	}
	must(t, m.storage.Store(t.Context(), certmagic.StorageKeys.SitePrivateKey(m.issuer.IssuerKey(), name), pem[i:]))
	if !slices.Equal(m.Last(t.Context(), name), pem) {
		t.Error("the pair was not found")
	}
}
