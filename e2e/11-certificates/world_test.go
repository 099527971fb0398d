// Package certificates has an ACME authority issue and renew the certificates
// of real servers.
package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"postroom/e2e/testbed"
	"postroom/internal/dns/dnstest"
)

// world is an authority and the DNS that it and the servers ask.
type world struct {
	dns               *dnstest.Server
	pebble            *testbed.Pebble
	httpPort, tlsPort int
}

// newWorld starts an authority. Ports 80 and 443 are two others, free on the
// addresses of both nodes.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{dns: dnstest.New(t)}
	var err error
	for _, p := range []*int{&w.httpPort, &w.tlsPort} {
		if *p, err = testbed.CommonPort("127.0.0.1", "127.0.0.2"); err != nil {
			t.Fatal(err)
		}
	}
	if w.pebble, err = testbed.NewPebble(t.TempDir(), w.dns.Addr(), w.httpPort, w.tlsPort); err != nil {
		t.Fatal(err)
	}
	w.start(t)
	t.Cleanup(w.pebble.Stop)
	return w
}

func (w *world) start(t *testing.T) {
	t.Helper()
	if err := w.pebble.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// node starts a server that uses the authority, with more settings.
func (w *world) node(t *testing.T, o testbed.Options, settings string) *testbed.Instance {
	t.Helper()
	o.Hostname, o.DNS, o.Settings = hostname, w.dns.Addr(), w.pebble.Settings()+settings
	return testbed.New(t, o)
}

// port80 and port443 open these ports of a node on host.
func (w *world) port80(host string) []string {
	return []string{fmt.Sprintf("POSTROOM_LISTEN_HTTP=%s:%d", host, w.httpPort)}
}

func (w *world) port443(host string) []string {
	return []string{fmt.Sprintf("POSTROOM_LISTEN_HTTPS=%s:%d", host, w.tlsPort)}
}

// shown gives the chain that a client sees for a name, checked against the
// authority's root of now.
func (w *world) shown(addr, name string) ([]*x509.Certificate, error) {
	roots, err := w.pebble.Roots()
	if err != nil {
		return nil, err
	}
	return dial(addr, &tls.Config{RootCAs: roots, ServerName: name})
}

// insecure asks for a name and believes every certificate.
func insecure(name string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, ServerName: name}
}

func dial(addr string, cfg *tls.Config) ([]*x509.Certificate, error) {
	c, err := tls.Dial("tcp", addr, cfg)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates, nil
}

// until waits for a good certificate of a name, other than the one before.
func (w *world) until(t *testing.T, addr, name, before string) (serial string) {
	t.Helper()
	err := testbed.Until(t.Context(), time.Minute, func() error {
		chain, err := w.shown(addr, name)
		if err == nil {
			if serial = chain[0].SerialNumber.String(); serial == before {
				return fmt.Errorf("%s still shows the old certificate of %s", addr, name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return serial
}

// listed is what `certificate list --json` says of names.
type listed struct {
	Names                 []string
	Source, Issuer, Error string
	NotAfter              time.Time `json:"not_after"`
}

func list(t *testing.T, i *testbed.Instance) map[string]listed {
	t.Helper()
	out, err := i.CLI("", "certificate", "list", "--json")
	var all []listed
	if err == nil {
		err = json.Unmarshal([]byte(out), &all)
	}
	if err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	found := map[string]listed{}
	for _, x := range all {
		if x.Source == "acme" {
			found[strings.Join(x.Names, ",")] = x
		}
	}
	return found
}
