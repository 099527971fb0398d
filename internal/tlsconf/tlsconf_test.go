package tlsconf

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type fixture struct {
	*Source
	now  time.Time
	logs bytes.Buffer
}

func newFixture(t *testing.T, c Config) *fixture {
	t.Helper()
	f := &fixture{now: time.Now()}
	c.Now = func() time.Time { return f.now }
	c.Log = slog.New(slog.NewTextHandler(&f.logs, nil))
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	f.Source = s
	return f
}

// serve echoes on one TLS connection after another.
func serve(t *testing.T, c *tls.Config) string {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); io.Copy(c, c) }()
		}
	}()
	return ln.Addr().String()
}

func pool(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(pem)
	return p
}

func TestClientsTrustTheCAFile(t *testing.T) {
	dir := t.TempDir()
	f := newFixture(t, Config{Dir: filepath.Join(dir, "tls"), Hostname: "mx.example.test"})
	addr := serve(t, f.TLS())
	for _, name := range []string{"mx.example.test", "localhost", "127.0.0.1", "::1"} {
		c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool(t, f.CAFile()), ServerName: name})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c.Close()
	}
	if _, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool(t, f.CAFile()), ServerName: "other.test"}); err == nil {
		t.Error("the certificate is good for any name")
	}
	old := &tls.Config{RootCAs: pool(t, f.CAFile()), ServerName: "localhost", MaxVersion: tls.VersionTLS11}
	if _, err := tls.Dial("tcp", addr, old); err == nil {
		t.Error("TLS 1.1 was spoken")
	}
	for _, name := range []string{caKey, leafKey} {
		if st, err := os.Stat(f.path(name)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
	}
}

func TestCAStaysWhenTheLeafIsRenewed(t *testing.T) {
	dir := t.TempDir()
	f := newFixture(t, Config{Dir: dir, Hostname: "mx.example.test"})
	ca, _ := os.ReadFile(f.CAFile())
	leaf := f.Certificate().Leaf.SerialNumber
	again := newFixture(t, Config{Dir: dir, Hostname: "mx.example.test"})
	if again.Certificate().Leaf.SerialNumber.Cmp(leaf) != 0 {
		t.Error("a second start made another leaf")
	}
	f.now = f.now.Add(leafLife - leafRenew + time.Hour)
	if f.Certificate().Leaf.SerialNumber.Cmp(leaf) == 0 {
		t.Error("the leaf was not renewed before its end")
	}
	renamed := newFixture(t, Config{Dir: dir, Hostname: "mail.example.test"})
	if err := renamed.Certificate().Leaf.VerifyHostname("mail.example.test"); err != nil {
		t.Error(err)
	}
	if now, _ := os.ReadFile(f.CAFile()); !bytes.Equal(now, ca) {
		t.Error("the CA changed, and every client has to trust another")
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFilesAreReadAgain(t *testing.T) {
	one := newFixture(t, Config{Dir: t.TempDir(), Hostname: "one.test"})
	two := newFixture(t, Config{Dir: t.TempDir(), Hostname: "two.example.test"})
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	copyFile(t, one.path(leafCert), cert)
	copyFile(t, one.path(leafKey), key)
	f := newFixture(t, Config{CertFile: cert, KeyFile: key})
	addr := serve(t, f.TLS())
	name := func() string {
		t.Helper()
		c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	standing, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer standing.Close()

	os.WriteFile(cert, []byte("rubbish"), 0o600)
	f.now = f.now.Add(time.Minute)
	if got := name(); got != "one.test" || strings.Count(f.logs.String(), "not used") != 1 {
		t.Errorf("with a broken file: %s; log %s", got, f.logs.String())
	}
	f.now = f.now.Add(time.Minute)
	if name(); strings.Count(f.logs.String(), "not used") != 1 {
		t.Error("the same broken file is logged at every look")
	}
	copyFile(t, two.path(leafCert), cert)
	copyFile(t, two.path(leafKey), key)
	if got := name(); got != "one.test" {
		t.Errorf("files were read before the poll: %s", got)
	}
	f.now = f.now.Add(time.Minute)
	if got := name(); got != "two.example.test" {
		t.Errorf("after the change: %s", got)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	f.Reload()
	if got := name(); got != "two.example.test" {
		t.Errorf("with the key gone: %s", got)
	}
	if _, err := io.WriteString(standing, "ping"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4)
	standing.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(standing, buf); err != nil || string(buf) != "ping" {
		t.Errorf("a standing connection was dropped: %v", err)
	}
	if f.CAFile() != "" || f.SelfSigned() {
		t.Error("a CA file is shown for certificates that are not ours")
	}
}

func TestUnusableAtStart(t *testing.T) {
	if _, err := New(Config{CertFile: "x"}); err == nil {
		t.Error("a certificate without key")
	}
	if _, err := New(Config{CertFile: "/nonexistent", KeyFile: "/nonexistent"}); err == nil {
		t.Error("files that are not there")
	}
}
