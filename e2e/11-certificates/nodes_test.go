package certificates

import (
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
	"postroom/internal/pgembed"
)

const hostname = "mail.example.test"

// two are two nodes on one database.
type two struct {
	*world
	a, b *testbed.Instance
}

// newTwo: mail.example.test leads to both nodes, mta-sts to the second,
// autoconfig elsewhere, and autodiscover is not there.
func newTwo(t *testing.T) *two {
	t.Helper()
	w := newWorld(t)
	w.dns.Add(hostname+". 60 IN A 127.0.0.1", hostname+". 60 IN A 127.0.0.2",
		"mta-sts.example.test. 60 IN A 127.0.0.2", "autoconfig.example.test. 60 IN A 192.0.2.1")
	pg, err := pgembed.Start(t.Context(), pgembed.Config{DataDir: testbed.Dir(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pg.Stop(context.Background()) })
	dir := testbed.Dir(t)
	n := &two{world: w}
	start := func(host string) *testbed.Instance {
		return w.node(t, testbed.Options{Host: host, Database: pg.URL, Env: w.port80(host)},
			fmt.Sprintf("master_key_file = %q\n", filepath.Join(dir, "master.key")))
	}
	n.a = start("127.0.0.1")
	n.a.Company(t, "example.test", "alice")
	n.b = start("127.0.0.2")
	return n
}

func TestTwoNodes(t *testing.T) {
	t.Parallel()
	n := newTwo(t)
	serial := n.until(t, n.a.Ports.IMAPS, hostname, "")
	t.Run("both show the same", func(t *testing.T) { n.same(t, serial) })
	t.Run("names that lead here, and no others", func(t *testing.T) { n.names(t) })
	t.Run("a ticket of one node is taken by the other", func(t *testing.T) { n.tickets(t) })
	t.Run("renewed on demand", func(t *testing.T) { serial = n.renew(t, serial) })
	t.Run("the authority is away", func(t *testing.T) { n.away(t, serial) })
	t.Run("renewed by itself", func(t *testing.T) { n.byItself(t, serial) })
}

// same: on every port, for clients that name the host, nothing, or another.
func (n *two) same(t *testing.T, serial string) {
	for _, i := range []*testbed.Instance{n.a, n.b} {
		if got := n.until(t, i.Ports.IMAPS, hostname, ""); got != serial {
			t.Errorf("%s shows %s, the other node %s", i.Host, got, serial)
		}
		for _, name := range []string{"", "other.test"} {
			chain, err := dial(i.Ports.Submissions, insecure(name))
			if err != nil || chain[0].SerialNumber.String() != serial {
				t.Errorf("%s to a client that asks for %q: %v", i.Host, name, err)
			}
		}
		c, _, err := client.DialSMTP(i.Ports.SMTP, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err = c.Cmd("EHLO x"); err == nil {
			err = c.StartTLS(insecure(hostname))
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Conn().(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String(); got != serial {
			t.Errorf("port 25 of %s shows %s", i.Host, got)
		}
	}
}

func (n *two) names(t *testing.T) {
	n.until(t, n.a.Ports.IMAPS, "mta-sts.example.test", "")
	all := list(t, n.b)
	if len(all) != 2 || all[hostname].Error != "" || all[hostname].Issuer == "" || all["mta-sts.example.test"].NotAfter.Before(time.Now()) {
		t.Errorf("%+v", all)
	}
}

func (n *two) tickets(t *testing.T) {
	cfg := insecure(hostname)
	cfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for _, version := range []uint16{tls.VersionTLS13, tls.VersionTLS12} {
		cfg.MinVersion, cfg.MaxVersion = version, version
		cfg.ClientSessionCache.Put(hostname, nil)
		for k, i := range []*testbed.Instance{n.a, n.b, n.a} {
			c, err := tls.Dial("tcp", i.Ports.IMAPS, cfg)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Read(make([]byte, 64)) // TLS 1.3 gives the ticket after the handshake
			if resumed := c.ConnectionState().DidResume; err != nil || resumed != (k > 0) {
				t.Errorf("version %x, connection %d: resumed %v, %v", version, k, resumed, err)
			}
			c.Close()
		}
	}
}

func (n *two) renew(t *testing.T, before string) string {
	if out, err := n.b.CLI("", "certificate", "renew", hostname); err != nil || !strings.Contains(out, hostname) || strings.Contains(out, "mta-sts") {
		t.Fatalf("%v: %s", err, out)
	}
	serial := n.until(t, n.a.Ports.IMAPS, hostname, before)
	if other := n.until(t, n.b.Ports.IMAPS, hostname, before); other != serial {
		t.Errorf("the nodes show %s and %s", serial, other)
	}
	return serial
}

// away: a renewal that fails costs nothing, and everybody says so.
func (n *two) away(t *testing.T, serial string) {
	n.pebble.Stop()
	out, err := n.a.CLI("", "certificate", "renew", hostname)
	if err == nil || !strings.Contains(err.Error(), "the old one stays in use") {
		t.Errorf("renew: %v: %s", err, out)
	}
	for _, i := range []*testbed.Instance{n.a, n.b} {
		chain, err := dial(i.Ports.IMAPS, insecure(hostname))
		if err != nil || chain[0].SerialNumber.String() != serial {
			t.Errorf("%s lost its certificate: %v", i.Host, err)
		}
	}
	if got := list(t, n.a)[hostname]; got.Error == "" || got.NotAfter.Before(time.Now()) {
		t.Errorf("list: %+v", got)
	}
	out, _ = n.b.CLI("", "check", "--no-dns")
	if !strings.Contains(out, hostname+" was not renewed, the old one is good until") {
		t.Errorf("check: %s", out)
	}
	logs := n.a.LogTail(1000) + n.b.LogTail(1000)
	if c := strings.Count(logs, "certificate not renewed, the old one stays"); c != 1 || !strings.Contains(logs, "acme_directory") {
		t.Errorf("the logs say it %d times, or without a hint", c)
	}
}

// byItself: an authority of short-lived certificates, which has forgotten our
// account and has another root; nobody asks for the second certificate.
func (n *two) byItself(t *testing.T, before string) {
	n.pebble.Validity = 30 * time.Second
	n.start(t)
	if out, err := n.a.CLI("", "certificate", "renew", hostname); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	short := n.until(t, n.b.Ports.IMAPS, hostname, before)
	again := n.until(t, n.b.Ports.IMAPS, hostname, short)
	if got := n.until(t, n.a.Ports.IMAPS, hostname, short); got != again {
		t.Logf("the first node is one renewal ahead: %s after %s", got, again)
	}
}
