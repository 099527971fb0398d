package relay_test

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakePeer is an SMTP server that does what its script says. The zero script
// of a verb is the polite answer.
type fakePeer struct {
	ln      net.Listener
	ehlo    []string          // keywords
	replies map[string]string // by verb, or verb and argument; "CUT" closes, "HANG" waits
	noEHLO  bool
	tls     *tls.Config
	rawTLS  string // sent in place of a handshake after STARTTLS

	mu       sync.Mutex
	commands []string
	bodies   []string // as received, dots still stuffed (DATA) or raw (BDAT)
	conns    int
	client   string // address of the last one
}

func newPeer(t *testing.T, ehlo ...string) *fakePeer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &fakePeer{ln: ln, ehlo: ehlo, replies: map[string]string{}}
	var wg sync.WaitGroup
	var open sync.Map
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			open.Store(c, true)
			p.mu.Lock()
			p.conns++
			p.client, _, _ = net.SplitHostPort(c.RemoteAddr().String())
			p.mu.Unlock()
			wg.Go(func() { p.serve(c); c.Close(); open.Delete(c) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		open.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
		wg.Wait()
	})
	return p
}

func (p *fakePeer) port() int { return p.ln.Addr().(*net.TCPAddr).Port }

// from is where the last connection came from.
func (p *fakePeer) from() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.client
}

// script sets the reply to a verb or a whole line; "" is the polite one again.
func (p *fakePeer) script(verb, reply string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.replies[verb] = reply
}

func (p *fakePeer) offer(keywords ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ehlo = keywords
}

func (p *fakePeer) offered() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ehlo
}

func (p *fakePeer) seen() (commands, bodies []string, conns int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.commands...), append([]string(nil), p.bodies...), p.conns
}

// say writes a scripted or default reply; false ends the connection.
func (p *fakePeer) say(c net.Conn, line, def string) (string, bool) {
	verb, _, _ := strings.Cut(line, " ")
	p.mu.Lock()
	r := cmp.Or(p.replies[line], p.replies[verb], def)
	p.mu.Unlock()
	switch r {
	case "CUT":
		return r, false
	case "HANG":
		_, _ = io.Copy(io.Discard, c)
		return r, false
	}
	_, err := io.WriteString(c, strings.ReplaceAll(r, "\n", "\r\n")+"\r\n")
	return r, err == nil
}

func (p *fakePeer) serve(c net.Conn) {
	br := bufio.NewReader(c)
	if r, ok := p.say(c, "GREETING", "220 mx.example.test ESMTP"); !ok || !strings.HasPrefix(r, "220") {
		return
	}
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		p.mu.Lock()
		p.commands = append(p.commands, line)
		p.mu.Unlock()
		verb, arg, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			if p.noEHLO {
				_, _ = io.WriteString(c, "502 5.5.1 what?\r\n")
				continue
			}
			lines := append([]string{"mx.example.test at your service"}, p.offered()...)
			var b strings.Builder
			for i, l := range lines {
				sep := "-"
				if i == len(lines)-1 {
					sep = " "
				}
				b.WriteString("250" + sep + l + "\n")
			}
			if _, ok := p.say(c, line, strings.TrimSuffix(b.String(), "\n")); !ok {
				return
			}
		case "STARTTLS":
			r, ok := p.say(c, line, "220 go ahead")
			if !ok {
				return
			}
			if !strings.HasPrefix(r, "220") {
				continue
			}
			if p.rawTLS != "" {
				_, _ = io.WriteString(c, p.rawTLS)
				return
			}
			tc := tls.Server(c, p.tls)
			if tc.Handshake() != nil {
				return
			}
			c, br = tc, bufio.NewReader(tc)
		case "DATA":
			r, ok := p.say(c, line, "354 go ahead")
			if !ok {
				return
			}
			if !strings.HasPrefix(r, "354") {
				continue
			}
			body, ok := readData(br)
			if !ok {
				return
			}
			if !p.finish(c, body) {
				return
			}
		case "BDAT":
			n, _ := strconv.Atoi(strings.Fields(arg)[0])
			body := make([]byte, n)
			if _, err := io.ReadFull(br, body); err != nil {
				return
			}
			if !p.finish(c, string(body)) {
				return
			}
		default:
			def := "250 2.1.0 fine"
			if strings.EqualFold(verb, "AUTH") {
				def = "235 2.7.0 welcome"
			}
			if strings.EqualFold(verb, "QUIT") {
				_, _ = io.WriteString(c, "221 bye\r\n")
				return
			}
			if _, ok := p.say(c, line, def); !ok {
				return
			}
		}
	}
}

func (p *fakePeer) finish(c net.Conn, body string) bool {
	p.mu.Lock()
	p.bodies = append(p.bodies, body)
	n := len(p.bodies)
	p.mu.Unlock()
	_, ok := p.say(c, "END", fmt.Sprintf("250 2.0.0 taken as %d", n))
	return ok
}

func readData(br *bufio.Reader) (string, bool) {
	var b bytes.Buffer
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			return "", false
		}
		if line == ".\r\n" {
			return b.String(), true
		}
		b.WriteString(line)
	}
}

// certificate makes a self-signed one for name.
func certificate(t *testing.T, name string) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}
