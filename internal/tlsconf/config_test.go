package tlsconf

import (
	"crypto/tls"
	"path/filepath"
	"testing"
)

func TestSuitesAndVersions(t *testing.T) {
	f := newFixture(t, Config{Dir: t.TempDir(), Hostname: "one.test"}) // an ECDSA certificate
	for name, tc := range map[string]struct {
		server *tls.Config
		client *tls.Config
		passes bool
	}{
		"1.1 on 25":              {f.TLS(), &tls.Config{MaxVersion: tls.VersionTLS11}, false},
		"1.1 for clients":        {f.ForClients(), &tls.Config{MaxVersion: tls.VersionTLS11}, false},
		"1.2":                    {f.ForClients(), &tls.Config{MaxVersion: tls.VersionTLS12}, true},
		"1.3":                    {f.ForClients(), &tls.Config{MinVersion: tls.VersionTLS13}, true},
		"CBC on 25":              {f.TLS(), suite(tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA), true},
		"CBC for clients":        {f.ForClients(), suite(tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA), false},
		"CBC for HTTPS":          {f.Strict(), suite(tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA), false},
		"RC4 on 25":              {f.TLS(), suite(tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA), false},
		"3DES on 25":             {f.TLS(), suite(tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA), false},
		"an ALPN we do not know": {f.TLS(), &tls.Config{NextProtos: []string{"x/1"}}, true},
	} {
		tc.client.InsecureSkipVerify = true
		c, err := tls.Dial("tcp", serve(t, tc.server), tc.client)
		if (err == nil) != tc.passes {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			c.Close()
		}
	}
}

func suite(id uint16) *tls.Config {
	return &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{id}}
}

// TestChoice: files, then ACME, then self-signed.
func TestChoice(t *testing.T) {
	pair := func(name string) (*tls.Certificate, string) {
		dir := t.TempDir()
		return newFixture(t, Config{Dir: dir, Hostname: name}).Certificate(), dir
	}
	host, _ := pair("mail.test")
	sts, _ := pair("mta-sts.test")
	_, files := pair("mail.test")
	byName := map[string]*tls.Certificate{}
	issued := func(name string) *tls.Certificate { return byName[name] }
	signed := newFixture(t, Config{Dir: t.TempDir(), Hostname: "mail.test", Issued: issued})
	filed := newFixture(t, Config{CertFile: filepath.Join(files, leafCert), KeyFile: filepath.Join(files, leafKey), Hostname: "mail.test", Issued: issued})
	shows := func(when string, s *fixture, name string, want *tls.Certificate) {
		t.Helper()
		c, err := tls.Dial("tcp", serve(t, s.TLS()), &tls.Config{InsecureSkipVerify: true, ServerName: name})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if c.ConnectionState().PeerCertificates[0].SerialNumber.Cmp(want.Leaf.SerialNumber) != 0 {
			t.Errorf("%s: another certificate for %q", when, name)
		}
	}
	shows("nothing issued", signed, "mail.test", signed.Certificate())
	byName["mail.test"], byName["mta-sts.test"] = host, sts
	shows("issued", signed, "mail.test", host)
	shows("issued", signed, "mta-sts.test", sts)
	shows("issued", signed, "", host)
	shows("issued", signed, "other.test", host)
	shows("files", filed, "mail.test", filed.Certificate())
	shows("files", filed, "mta-sts.test", sts)
	shows("files", filed, "", filed.Certificate())
	shows("files", filed, "other.test", filed.Certificate())
	if !filed.Covers("mail.test") || filed.Covers("mta-sts.test") || signed.Covers("mail.test") {
		t.Error("what files cover")
	}
}
