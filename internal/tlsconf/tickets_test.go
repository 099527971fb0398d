package tlsconf

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postroom/internal/mail"
	"postroom/internal/sasl/sasltest"
	"postroom/internal/secret"
)

// ticketRows is the table, for several nodes.
type ticketRows struct {
	rows map[string]mail.TicketKey
	err  error
}

func (r *ticketRows) TicketKeys(_ context.Context, from time.Time) (out []mail.TicketKey, err error) {
	for _, k := range r.rows {
		if !k.Day.Before(from) {
			out = append(out, k)
		}
	}
	return out, r.err
}

func (r *ticketRows) AddTicketKeys(_ context.Context, keys []mail.TicketKey, _ []byte, before time.Time) error {
	for _, k := range keys {
		if _, taken := r.rows[k.SecretRow()]; !taken {
			r.rows[k.SecretRow()] = k
		}
	}
	for name, k := range r.rows {
		if k.Day.Before(before) {
			delete(r.rows, name)
		}
	}
	return r.err
}

// cluster is nodes with one table and one clock.
type cluster struct {
	ticketRows
	key *secret.Key
	now time.Time
	dir string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	key, err := secret.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return &cluster{ticketRows{rows: map[string]mail.TicketKey{}}, key, time.Now().UTC().Truncate(day).Add(12 * time.Hour), t.TempDir()}
}

// node gives its configurations; each has a certificate of its own.
func (c *cluster) node(t *testing.T, clientCA string) (*Source, *Tickets) {
	t.Helper()
	tickets := NewTickets(TicketConfig{Store: c, Open: c.key.Open, Now: func() time.Time { return c.now }, Log: slog.New(slog.DiscardHandler),
		Key: func(context.Context) (*secret.Key, error) { return c.key, nil }})
	if err := tickets.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Dir: c.dir, Hostname: "one.test", ClientCAFile: clientCA, Tickets: tickets})
	if err != nil {
		t.Fatal(err)
	}
	return s, tickets
}

// client keeps one session.
func client(version uint16) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, ServerName: "one.test", MinVersion: version, MaxVersion: version,
		ClientSessionCache: tls.NewLRUClientSessionCache(1)}
}

// resumes connects and tells whether the session was resumed.
func resumes(t *testing.T, server, c *tls.Config) bool {
	t.Helper()
	conn, err := tls.Dial("tcp", serve(t, server), c)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 4)); err != nil { // TLS 1.3's ticket comes before it
		t.Fatal(err)
	}
	return conn.ConnectionState().DidResume
}

// frozen gives a session and takes none.
type frozen struct{ tls.ClientSessionCache }

func (frozen) Put(string, *tls.ClientSessionState) {}

var versions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

func TestTicketsOfAnotherNode(t *testing.T) {
	c := newCluster(t)
	a, _ := c.node(t, "")
	b, _ := c.node(t, "")
	strange, _ := newCluster(t).node(t, "")
	for _, v := range versions {
		laptop := client(v)
		if resumes(t, a.ForClients(), laptop) || !resumes(t, b.ForClients(), laptop) || !resumes(t, a.Strict(), laptop) {
			t.Errorf("version %x: a ticket of the other node is not taken", v)
		}
		if resumes(t, b.TLS(), laptop) {
			t.Errorf("version %x: a ticket of a client's port is good on 25", v)
		}
		if resumes(t, strange.TLS(), laptop) {
			t.Errorf("version %x: a ticket of another cluster is taken", v)
		}
	}
	if len(c.rows) != 2 {
		t.Errorf("%d days have a key, want today and tomorrow", len(c.rows))
	}
}

// TestTicketsAgainstAnotherClientCA: what a ticket says of a client certificate
// must not outlive the authority that stood behind it.
func TestTicketsAgainstAnotherClientCA(t *testing.T) {
	c := newCluster(t)
	file := func(a *sasltest.Authority) string {
		name := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.DER()}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	ours := sasltest.NewAuthority(t)
	cafile := file(ours)
	before, _ := c.node(t, cafile)
	same, _ := c.node(t, cafile)
	after, _ := c.node(t, file(sasltest.NewAuthority(t)))
	laptop := client(tls.VersionTLS13)
	laptop.Certificates = []tls.Certificate{*ours.Client(t, "a@example.test")}
	if resumes(t, before.ForClients(), laptop) || !resumes(t, same.ForClients(), laptop) {
		t.Error("no resumption where the authorities are the same")
	}
	laptop.Certificates = nil
	if resumes(t, after.ForClients(), laptop) {
		t.Error("a session is resumed whose authority was taken away")
	}
}

func TestTicketKeysRotate(t *testing.T) {
	c := newCluster(t)
	a, keys := c.node(t, "")
	first := c.rows[mail.TicketKey{Day: c.now.Truncate(day)}.SecretRow()]
	for _, v := range versions {
		c.rows = map[string]mail.TicketKey{first.SecretRow(): first}
		c.now = first.Day.Add(12 * time.Hour)
		old := client(v)
		for n := range ticketDays + 1 {
			if err := keys.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			probe := old.Clone()
			if n > 0 { // always the ticket of the first day
				probe.ClientSessionCache = frozen{old.ClientSessionCache}
			}
			if got, want := resumes(t, a.Strict(), probe), n > 0 && n < ticketDays; got != want {
				t.Errorf("version %x, %d days later: resumed %v", v, n, got)
			}
			c.now = c.now.Add(day)
		}
		if _, there := c.rows[first.SecretRow()]; there {
			t.Error("an old key is still there")
		}
	}
}

// TestTicketsWithoutTheStore: the keys that are there go on, also into the next
// day; without any, each process has its own.
func TestTicketsWithoutTheStore(t *testing.T) {
	c := newCluster(t)
	a, keys := c.node(t, "")
	c.err, c.now = errors.New("away"), c.now.Add(day)
	if keys.Refresh(t.Context()) == nil {
		t.Error("a store that is away was read")
	}
	b := client(tls.VersionTLS13)
	if resumes(t, a.Strict(), b) || !resumes(t, a.Strict(), b) {
		t.Error("no resumption on tomorrow's key")
	}
	c.now = c.now.Add(30 * day)
	b = client(tls.VersionTLS13)
	if resumes(t, a.Strict(), b) || !resumes(t, a.Strict(), b) {
		t.Error("no resumption on keys of its own")
	}
}
