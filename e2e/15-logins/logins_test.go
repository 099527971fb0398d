// Package logins tries log-ins on two nodes of one database with the built
// program: failures that count on both, the history, the log's line for
// fail2ban, and every kind of credential by programs that are not ours.
package logins

import (
	"bufio"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postroom/e2e/testbed"
	"postroom/internal/pgembed"
	"postroom/internal/sasl/sasltest"
)

const (
	alice = "alice@example.test"
	proxy = "127.0.8.9" // whose PROXY headers are believed
)

// house is two nodes, an issuer of tokens and an authority of certificates.
type house struct {
	a, b      *testbed.Instance
	issuer    *sasltest.Issuer
	authority *sasltest.Authority
	dir       string
	app       string // alice's app password
}

func newHouse(t *testing.T) *house {
	h := &house{issuer: sasltest.NewIssuer(t), authority: sasltest.NewAuthority(t), dir: testbed.Dir(t)}
	ca := h.write(t, "clients.pem", "CERTIFICATE", h.authority.DER())
	trusted := h.write(t, "issuer.pem", "CERTIFICATE", certificateOf(t, h.issuer.URL))
	key := make([]byte, 32)
	rand.Read(key)
	o := testbed.Options{Env: []string{"SSL_CERT_FILE=" + trusted, "POSTROOM_MASTER_KEY=" + base64.StdEncoding.EncodeToString(key)},
		Settings: fmt.Sprintf("scram = \"app-passwords\"\nclient_ca = %q\noidc_issuer = %q\noidc_audience = %q\nproxy_networks = [%q]\nlift_limits = true",
			ca, h.issuer.URL, sasltest.Audience, proxy+"/32")}
	h.a = testbed.Company(t, o, "example.test", "alice", "bob")
	var err error
	if o.Database, err = pgembed.URL(filepath.Join(h.a.Dir, "data")); err != nil {
		t.Fatal(err)
	}
	h.b = testbed.New(t, o)
	out, err := h.a.CLI("", "account", "app-password", "add", alice, "phone")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(out, "\n") {
		if p, ok := strings.CutPrefix(line, "password\t"); ok {
			h.app = p
		}
	}
	return h
}

func (h *house) write(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// certificateOf gives what a server shows, so that others can trust it.
func certificateOf(t *testing.T, url string) []byte {
	t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].Raw
}

func TestLogins(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		name string
		run  func(*testing.T, *house)
	}{
		{"failures on one node delay the other", delayed},
		{"curl with tokens", bearer},
		{"XOAUTH2", xoauth2},
		{"curl with a client certificate", certificates},
		{"SCRAM with channel binding", scram},
		{"the history", history},
		{"the log line", logLine},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, h) })
	}
}

// from connects to a TLS port as a client of that address.
func from(t *testing.T, i *testbed.Instance, addr, ip string) (net.Conn, *bufio.Reader) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(proxy)}, Timeout: 10 * time.Second}
	raw, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	raw.SetDeadline(time.Now().Add(time.Minute))
	family, to := "TCP4", "192.0.2.1"
	if strings.Contains(ip, ":") {
		family, to = "TCP6", "2001:db8::1"
	}
	fmt.Fprintf(raw, "PROXY %s %s %s 40000 993\r\n", family, ip, to)
	c := tls.Client(raw, clientTLS(t, i))
	r := bufio.NewReader(c)
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return c, r
}

// login says LOGIN from an address, and gives the tagged reply and how long it
// took.
func login(t *testing.T, i *testbed.Instance, ip, user, password string) (string, time.Duration) {
	t.Helper()
	c, r := from(t, i, i.Ports.IMAPS, ip)
	defer c.Close()
	begun := time.Now()
	fmt.Fprintf(c, "a LOGIN {%d+}\r\n%s {%d+}\r\n%s\r\n", len(user), user, len(password), password)
	for {
		l, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(l, "a ") {
			took := time.Since(begun)
			fmt.Fprint(c, "b ID (\"name\" \"K-9 Mail\")\r\nc LOGOUT\r\n")
			for err == nil { // until it has been said
				_, err = r.ReadString('\n')
			}
			return l, took
		}
	}
}

// delayed: what strangers do to an account on a holds back a stranger on b, and
// not who was in from that network before.
func delayed(t *testing.T, h *house) {
	if l, _ := login(t, h.a, "192.0.2.7", "bob@example.test", testbed.Password); !strings.HasPrefix(l, "a OK") {
		t.Fatal(l)
	}
	for n := range 8 {
		login(t, h.a, fmt.Sprintf("198.51.%d.1", n), "bob@example.test", fmt.Sprintf("guess %d", n))
	}
	// That it was in is written a second later, as are the failures.
	err := testbed.Until(t.Context(), 20*time.Second, func() error {
		out, err := h.b.CLI("", "account", "logins", "bob@example.test")
		if err == nil && strings.Count(out, "bad-credentials") != 8 {
			err = fmt.Errorf("the history of node b:\n%s", out)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	l, home := login(t, h.b, "192.0.2.250", "bob@example.test", testbed.Password)
	if !strings.HasPrefix(l, "a OK") {
		t.Fatal(l)
	}
	l, stranger := login(t, h.b, "203.0.113.9", "bob@example.test", testbed.Password)
	if !strings.HasPrefix(l, "a OK") || stranger < time.Second || home > stranger {
		t.Errorf("on node b, at home after %v, as a stranger after %v: %s", home, stranger, l)
	}
}

func history(t *testing.T, h *house) {
	login(t, h.b, "2001:db8:5::7", alice, h.app)
	login(t, h.b, "2001:db8:5::8", alice, h.app)
	login(t, h.a, "198.51.100.1", alice, "wrong")
	err := testbed.Until(t.Context(), 20*time.Second, func() error {
		out, err := h.a.CLI("", "account", "logins", alice)
		for _, want := range []string{"\tok\t2\t2001:db8:5::8\timap\tLOGIN\tphone\tK-9 Mail\tTLS 1.3", "\tbad-credentials\t1\t198.51.100.1\timap\tLOGIN\t-\t",
			"\tok\t2\t127.0.0.1\tsmtp\tOAUTHBEARER\ttoken\t", "\tok\t1\t127.0.0.1\tsmtp\tXOAUTH2\ttoken\tlaptop\t", "\timap\tXOAUTH2\ttoken\t", "\tEXTERNAL\tcertificate\t", "\tSCRAM-SHA-256-PLUS\tphone\t"} {
			if err == nil && !strings.Contains(out, want) {
				err = fmt.Errorf("%q is not in\n%s", want, out)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	out, err := h.a.CLI("", "account", "logins", alice, "--failed", "--json")
	if err != nil || !strings.Contains(out, `"network":"198.51.100.0/24"`) || strings.Contains(out, `"result":"ok"`) {
		t.Errorf("--failed: %v\n%s", err, out)
	}
	log, err := os.ReadFile(h.b.Log)
	if err != nil || strings.Count(string(log), `"peer":"2001:db8:5::7","port":40000,"account":`) != 1 || !strings.Contains(string(log), `"mech":"LOGIN","new_network":true}`) {
		t.Errorf("the log does not tell of a new network: %v", err)
	}
}
