package tlschecks

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// connect runs openssl s_client, says what is to be said after the handshake,
// and tells whether all went well. Both of what is meant for people and errors
// are in out. The system's configuration of openssl does not count.
func (h *house) connect(t *testing.T, p port, say string, args ...string) (out string, ok bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	all := append([]string{"s_client", "-connect", p.addr, "-CAfile", h.root, "-verify_return_error"}, args...)
	if p.starttls != "" {
		all = append(all, "-starttls", p.starttls)
	}
	cmd := exec.CommandContext(ctx, "openssl", all...)
	cmd.Env = append(os.Environ(), "OPENSSL_CONF=/dev/null")
	var b transcript
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(say), &b, &b
	if say == renegotiate {
		cmd.Stdin = &patient{ctx, &b, p.greeting(), cmd.Stdin}
	}
	err := cmd.Run()
	if cmd.ProcessState == nil || ctx.Err() != nil {
		t.Fatalf("openssl s_client %v: %v\n%s", args, err, b.String())
	}
	return b.String(), err == nil
}

// renegotiate is s_client's command for it.
const renegotiate = "R\n"

// greeting is what s_client shows of the first octets inside TLS; "": after
// STARTTLS nobody greets again.
func (p port) greeting() string {
	switch {
	case p.starttls != "":
		return ""
	case strings.HasPrefix(p.bye, "QUIT"):
		return "220 mail.test"
	}
	return "* OK"
}

// transcript is what s_client prints, read while it runs.
type transcript struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// patient says nothing before the server greeted: what comes across a
// renegotiation is an error of its own.
type patient struct {
	ctx  context.Context
	seen *transcript
	want string
	say  io.Reader
}

func (p *patient) Read(b []byte) (int, error) {
	for !strings.Contains(p.seen.String(), p.want) {
		select {
		case <-p.ctx.Done():
			return 0, io.EOF
		case <-time.After(5 * time.Millisecond): // between two looks
		}
	}
	return p.say.Read(b)
}

type chain struct{ root, chain, key string }

// makeChain makes a root, an intermediate and a leaf for mail.test, with RSA
// keys: for these there are suites of all kinds.
func makeChain(t *testing.T, dir string) chain {
	t.Helper()
	c := chain{filepath.Join(dir, "root.pem"), filepath.Join(dir, "chain.pem"), filepath.Join(dir, "leaf.key")}
	root, rootKey := sign(t, "root", nil, nil)
	middle, middleKey := sign(t, "middle", root, rootKey)
	leaf, leafKey := sign(t, "mail.test", middle, middleKey)
	key, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	write(t, c.root, block("CERTIFICATE", root.Raw))
	write(t, c.chain, block("CERTIFICATE", leaf.Raw)+block("CERTIFICATE", middle.Raw))
	write(t, c.key, block("PRIVATE KEY", key))
	return c
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sign makes a certificate: an authority's, unless the name is a host's.
func sign(t *testing.T, name string, parent *x509.Certificate, by *rsa.PrivateKey) (*x509.Certificate, *rsa.PrivateKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
		IsCA: !strings.Contains(name, "."), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment}
	if !c.IsCA {
		c.DNSNames, c.KeyUsage = []string{name}, x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment
	}
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

// injection: commands that stand behind STARTTLS in the same packet are
// answered neither before nor inside TLS.
func injection(t *testing.T, h *house, p port) {
	starttls, ask, want := "EHLO x\r\n|STARTTLS\r\nRSET\r\nNOOP\r\nMAIL FROM:<x@injected.test>\r\n", "EHLO inside\r\n", "250-mail.test"
	if p.starttls == "imap" {
		starttls, ask, want = "|a STARTTLS\r\nb NOOP\r\nc CAPABILITY\r\n", "d NOOP\r\n", "d OK"
	}
	conn, err := net.DialTimeout("tcp", p.addr, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	r := bufio.NewReader(conn)
	line(t, r)
	before, packet, _ := strings.Cut(starttls, "|")
	fmt.Fprint(conn, before)
	for before != "" && !strings.HasPrefix(line(t, r), "250 ") {
	}
	fmt.Fprint(conn, packet)
	if l := line(t, r); !strings.HasPrefix(l, "220 ") && !strings.HasPrefix(l, "a OK") {
		t.Fatalf("STARTTLS: %s", l)
	}
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	if err := secure.Handshake(); err != nil {
		t.Fatalf("something stands before the handshake: %v", err)
	}
	r = bufio.NewReader(secure)
	fmt.Fprint(secure, ask)
	if l := line(t, r); !strings.HasPrefix(l, want) {
		t.Errorf("the first answer inside TLS is %q, want %q", l, want)
	}
}

func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	l, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return l
}
