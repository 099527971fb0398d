// Package tlschecks looks at the TLS of every port from outside, by openssl
// s_client and by hand: versions, suites, resumption, STARTTLS.
package tlschecks

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"postroom/e2e/testbed"
)

// port is one door as s_client reaches it.
type port struct {
	name, addr string
	starttls   string // what s_client says before the handshake; "": nothing
	bye        string
	clients    bool // people log in there
}

func ports(i *testbed.Instance) []port {
	return []port{
		{"25", i.Ports.SMTP, "smtp", "QUIT\r\n", false},
		{"587", i.Ports.Submission, "smtp", "QUIT\r\n", true},
		{"465", i.Ports.Submissions, "", "QUIT\r\n", true},
		{"143", i.Ports.IMAP, "imap", "a LOGOUT\r\n", true},
		{"993", i.Ports.IMAPS, "", "a LOGOUT\r\n", true},
	}
}

// house is an instance with an RSA certificate of an intermediate authority.
type house struct {
	*testbed.Instance
	root string // file of the authority that clients know
}

func TestTLS(t *testing.T) {
	dir := testbed.Dir(t)
	c := makeChain(t, dir)
	h := &house{testbed.New(t, testbed.Options{Dir: dir, Settings: fmt.Sprintf("tls_cert = %q\ntls_key = %q\nlift_limits = true", c.chain, c.key)}), c.root}
	for _, p := range ports(h.Instance) {
		t.Run(p.name, func(t *testing.T) {
			t.Run("versions", func(t *testing.T) { versions(t, h, p) })
			t.Run("suites", func(t *testing.T) { suites(t, h, p) })
			t.Run("chain and names", func(t *testing.T) { names(t, h, p) })
			t.Run("ALPN", func(t *testing.T) { alpn(t, h, p) })
			t.Run("renegotiation and compression", func(t *testing.T) { renegotiation(t, h, p) })
			t.Run("resumption", func(t *testing.T) { resumption(t, h, p) })
			if p.starttls != "" {
				t.Run("STARTTLS injection", func(t *testing.T) { injection(t, h, p) })
			}
		})
	}
}

func versions(t *testing.T, h *house, p port) {
	for _, v := range []string{"-tls1", "-tls1_1"} {
		if out, ok := h.connect(t, p, p.bye, v, "-cipher", "ALL:@SECLEVEL=0"); ok || !strings.Contains(out, "alert protocol version") {
			t.Errorf("%s is not refused:\n%s", v, out)
		}
	}
	for v, want := range map[string]string{"-tls1_2": "New, TLSv1.2, Cipher is ECDHE-", "-tls1_3": "New, TLSv1.3, Cipher is TLS_"} {
		if out, ok := h.connect(t, p, p.bye, v); !ok || !strings.Contains(out, want) {
			t.Errorf("%s does not work:\n%s", v, out)
		}
	}
}

// good are the suites that every port has in TLS 1.2, cbc those that servers
// have between each other, bad those that nobody gets.
var (
	good = []string{"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"}
	cbc  = []string{"ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA"}
	bad  = []string{"AES128-SHA", "AES256-SHA256", "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-CCM", "DHE-RSA-AES128-SHA", "DHE-RSA-AES256-GCM-SHA384",
		"ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-CAMELLIA128-SHA256", "ECDHE-RSA-NULL-SHA", "NULL-SHA256", "AECDH-AES128-SHA", "ADH-AES128-GCM-SHA256"}
)

func suites(t *testing.T, h *house, p port) {
	take, refuse := good, bad
	if p.clients {
		refuse = append(refuse[:len(refuse):len(refuse)], cbc...)
	} else {
		take = append(take[:len(take):len(take)], cbc...)
	}
	for _, s := range take {
		if out, ok := h.connect(t, p, p.bye, "-tls1_2", "-cipher", s+":@SECLEVEL=0"); !ok || !strings.Contains(out, "Cipher is "+s+"\n") {
			t.Errorf("%s does not work:\n%s", s, out)
		}
	}
	for _, s := range refuse {
		if out, ok := h.connect(t, p, p.bye, "-tls1_2", "-cipher", s+":@SECLEVEL=0"); ok || !strings.Contains(out, "alert handshake failure") {
			t.Errorf("%s is not refused:\n%s", s, out)
		}
	}
}

// names: the chain leads to the root without the client's help, whatever name
// is asked for.
func names(t *testing.T, h *house, p port) {
	for _, sni := range [][]string{{"-servername", "mail.test"}, {"-servername", "unknown.example"}, {"-noservername"}} {
		out, ok := h.connect(t, p, p.bye, append(sni, "-verify_hostname", "mail.test", "-showcerts")...)
		if !ok || !strings.Contains(out, "Verify return code: 0 (ok)") || strings.Count(out, "BEGIN CERTIFICATE") != 2 {
			t.Errorf("%v:\n%s", sni, out)
		}
	}
	if out, ok := h.connect(t, p, p.bye, "-verify_hostname", "other.test"); ok {
		t.Errorf("the check of names is none:\n%s", out)
	}
}

func alpn(t *testing.T, h *house, p port) {
	for _, protocols := range []string{"smtp", "imap,http/1.1", "h2", "acme-tls/0", strings.Repeat("x", 255)} {
		if out, ok := h.connect(t, p, p.bye, "-alpn", protocols); !ok {
			t.Errorf("ALPN %.20s:\n%s", protocols, out)
		}
	}
}

func renegotiation(t *testing.T, h *house, p port) {
	out, ok := h.connect(t, p, renegotiate, "-tls1_2", "-comp")
	if ok || !strings.Contains(out, "RENEGOTIATING") || !strings.Contains(out, "no renegotiation") && !strings.Contains(out, "alert") {
		t.Errorf("renegotiation is not refused:\n%s", out)
	}
	if !strings.Contains(out, "Compression: NONE") || !strings.Contains(out, "Secure Renegotiation IS supported") {
		t.Errorf("compression, or renegotiation that could be attacked:\n%s", out)
	}
}

func resumption(t *testing.T, h *house, p port) {
	for _, v := range []string{"-tls1_2", "-tls1_3"} {
		f, err := os.CreateTemp(t.TempDir(), "session")
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if out, ok := h.connect(t, p, p.bye, v, "-ign_eof", "-sess_out", f.Name()); !ok || !strings.Contains(out, "New, TLSv1") {
			t.Errorf("%s, first:\n%s", v, out)
		}
		if out, ok := h.connect(t, p, p.bye, v, "-ign_eof", "-sess_in", f.Name()); !ok || !strings.Contains(out, "Reused, TLSv1") {
			t.Errorf("%s, resumed:\n%s", v, out)
		}
	}
}
