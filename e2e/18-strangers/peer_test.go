package strangers

import (
	"strings"
	"testing"

	mdns "github.com/miekg/dns"

	"postroom/e2e/client"
)

// peer is a stranger's mail server.
type peer struct{ ip, helo string }

// named makes a server whose address has a name that leads back.
func (w *world) named(ip, name string) peer {
	w.dns.Add(name+". IN A "+ip, reverse(ip, "in-addr.arpa")+". IN PTR "+name+".")
	return peer{ip, name}
}

// reverse is the name under which zone knows ip.
func reverse(ip, zone string) string {
	name, err := mdns.ReverseAddr(ip)
	if err != nil {
		panic(err)
	}
	return strings.TrimSuffix(name, "in-addr.arpa.") + zone
}

// dial connects as p and says EHLO.
func (w *world) dial(t *testing.T, p peer) *client.SMTP {
	t.Helper()
	c, r, err := client.DialProxied(w.Ports.SMTP, proxy, p.ip)
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if r, err := c.Cmd("EHLO %s", p.helo); err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
	return c
}

// send brings a message and gives the reply that tells its fate.
func (w *world) send(t *testing.T, p peer, from, to, octets string) client.Reply {
	t.Helper()
	c := w.dial(t, p)
	defer c.Close()
	r, err := c.Send(from, []string{to}, []byte(octets))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// rcpt names a recipient and nothing more.
func (w *world) rcpt(t *testing.T, p peer, from, to string) client.Reply {
	t.Helper()
	c := w.dial(t, p)
	defer c.Close()
	if r, err := c.Cmd("MAIL FROM:<%s>", from); err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
	r, err := c.Cmd("RCPT TO:<%s>", to)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// want tells when a reply is not that code with those words.
func want(t *testing.T, what string, r client.Reply, code int, words ...string) {
	t.Helper()
	bad := r.Code != code
	for _, word := range words {
		bad = bad || !strings.Contains(r.Text, word)
	}
	if bad {
		t.Errorf("%s: %v, want %d %q", what, r, code, words)
	}
}
