// Package postfix lets a company on postroom and one on Debian's Postfix mail
// each other, over TLS, through a DNS of the test's own.
package postfix

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postroom/e2e/testbed"
	"postroom/internal/dns/dnstest"
)

const (
	hostA = "127.0.17.1" // mx.a.test, postroom
	hostB = "127.0.17.2" // mx.b.test, Postfix
	alice = "alice@a.test"
	bob   = "bob@b.test"
	wide  = "用户@b.test"

	sizeB = 24 << 20 // the largest message that Postfix takes
)

// world is both companies.
type world struct {
	*testbed.Instance
	dns    *dnstest.Server
	txt    map[string][]string // DKIM keys of a.test
	b      *testbed.Postfix
	mxB    string // host:port of its MX
	inB    string // … and where its own people submit
	mail   string // its maildirs
	policy *policy
}

func newWorld(t *testing.T) *world {
	if os.Getuid() != 0 {
		t.Fatal("Postfix starts programs as other users: run this as root")
	}
	port, err := testbed.CommonPort(hostA, hostB)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{dns: dnstest.New(t), txt: map[string][]string{}, mxB: fmt.Sprintf("%s:%d", hostB, port), policy: newPolicy(t)}
	if w.inB, err = testbed.FreePort(hostB); err != nil {
		t.Fatal(err)
	}
	w.dns.Add("a.test. IN MX 10 mx.a.test.", "mx.a.test. IN A "+hostA, "b.test. IN MX 10 mx.b.test.", "mx.b.test. IN A "+hostB,
		`b.test. IN TXT "v=spf1 mx -all"`, "2.17.0.127.in-addr.arpa. IN PTR mx.b.test.")
	w.startPostfix(t, port)
	w.Instance = testbed.Company(t, testbed.Options{Hostname: "mx.a.test", Host: hostA, DNS: w.dns.Addr(), Relay: port,
		Settings: "lift_limits = true"}, "a.test", "alice")
	var keys []struct{ Name, Value, Zone string }
	if err := json.Unmarshal([]byte(w.do(t, "dkim", "a.test", "--json")), &keys); err != nil || len(keys) != 2 {
		t.Fatalf("%d DKIM keys, %v", len(keys), err)
	}
	for _, k := range keys {
		w.dns.Add(k.Zone)
		w.txt[strings.TrimSuffix(k.Name, ".")] = []string{k.Value}
	}
	return w
}

func (w *world) startPostfix(t *testing.T, port int) {
	t.Helper()
	dir := testbed.Dir(t)
	w.mail = filepath.Join(dir, "mail")
	if err := os.Mkdir(w.mail, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := testbed.Own(w.mail, "mail"); err != nil {
		t.Fatal(err)
	}
	cert := certificate(t, dir, "mx.b.test")
	main := fmt.Sprintf(`myhostname = mx.b.test
mydestination =
mynetworks =
inet_interfaces = loopback-only
inet_protocols = ipv4
smtp_bind_address = %[1]s
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_chain_files = %[2]s
smtpd_tls_received_header = yes
smtp_tls_security_level = may
smtp_tls_connection_reuse = yes
smtp_tls_loglevel = 1
message_size_limit = %[3]d
mailbox_size_limit = 0
virtual_mailbox_limit = 0
virtual_mailbox_domains = b.test
virtual_mailbox_base = %[4]s
virtual_mailbox_maps = inline:{ %[5]s=bob/, grey@b.test=grey/, wide@b.test=wide/, %[6]s=wide/, gone@b.test=gone/ }
virtual_alias_maps = inline:{ loop@b.test=loop@a.test }
virtual_uid_maps = static:8
virtual_gid_maps = static:8
virtual_minimum_uid = 1
transport_maps = inline:{ a.test=smtp:[%[7]s]:%[8]d, gone@b.test=gone: }
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_recipient_restrictions = check_policy_service inet:%[9]s
`, hostB, cert, sizeB, w.mail, bob, wide, hostA, port, w.policy.addr)
	p, err := testbed.StartPostfix(t.Context(), dir, main, w.mxB+" inet n - n - - smtpd",
		w.inB+" inet n - n - - smtpd -o mynetworks=127.0.0.0/8 -o smtpd_recipient_restrictions=permit_mynetworks",
		"gone unix - n n - - pipe user=mail argv=/bin/sh -c {exit 67}")
	if err != nil {
		t.Fatal(err)
	}
	w.b = p
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
		if log, _ := os.ReadFile(p.Log); t.Failed() {
			t.Logf("end of Postfix's log:\n%s", log[max(0, len(log)-4000):])
		}
	})
}

func (w *world) do(t *testing.T, args ...string) string {
	t.Helper()
	out, err := w.CLI("", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
