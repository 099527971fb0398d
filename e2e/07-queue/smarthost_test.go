package queue

import (
	"net"
	"strings"
	"testing"

	"postroom/e2e/testbed"
)

// smart listens as smart.example (127.0.7.4) and gives its port.
func (o *office) smart(t *testing.T, s *testbed.Outside) string {
	t.Helper()
	addr, err := testbed.FreePort("127.0.7.4")
	if err != nil {
		t.Fatal(err)
	}
	s.Listen(t, addr)
	_, port, _ := net.SplitHostPort(addr)
	return port
}

func smarthosts(t *testing.T, o *office) {
	all := &testbed.Outside{TLS: o.certs.TLS(), User: "company", Password: "relay secret"}
	one := &testbed.Outside{TLS: o.certs.TLS(), Implicit: true, User: "gate", Password: "other secret"}
	o.do(t, "relay secret\n", "smarthost", "set", "smart.example", "--port", o.smart(t, all), "--username", "company")
	o.do(t, "other secret\n", "smarthost", "set", "smart.example", "--port", o.smart(t, one), "--username", "gate", "--tls", "implicit", "--domain", "near.example")
	before := len(o.far.Arrived()) + len(o.near.Arrived())
	o.submit(t, "<"+alice+">", "<friend@far.example>", "by the one for all")
	o.submit(t, "<"+alice+">", "<friend@near.example>", "by the one for a domain")
	for s, want := range map[*testbed.Outside]string{all: "friend@far.example", one: "friend@near.example"} {
		if a := s.Await(t, 1); a.Login != s.User || !a.TLS || len(a.To) != 1 || a.To[0] != want {
			t.Errorf("login %q, TLS %v, to %v", a.Login, a.TLS, a.To)
		}
	}
	if n := len(o.far.Arrived()) + len(o.near.Arrived()); n != before {
		t.Errorf("%d messages went past the smarthosts", n-before)
	}
	if out := o.do(t, "", "smarthost", "list", "--json"); strings.Contains(out, "secret\"") || strings.Contains(out, "relay secret") {
		t.Errorf("a password is shown: %s", out)
	}
	o.do(t, "", "smarthost", "delete")
	o.do(t, "", "smarthost", "delete", "near.example")
}

// Nothing is sent and nothing returned where a smarthost is not as it was set:
// that is the administrator's to mend.
func forcedTLS(t *testing.T, o *office) {
	plain := &testbed.Outside{}
	wrong := &testbed.Outside{TLS: o.certs.TLS(), User: "company", Password: "new secret"}
	plainPort, wrongPort := o.smart(t, plain), o.smart(t, wrong)
	for subject, args := range map[string][]string{
		"no TLS":         {"smart.example", "--port", plainPort},
		"another name":   {"other.example", "--port", wrongPort, "--username", "company"},
		"wrong password": {"smart.example", "--port", wrongPort, "--username", "company"},
	} {
		o.do(t, "old secret\n", append([]string{"smarthost", "set"}, args...)...)
		// Each at a destination of its own: one that failed rests a little.
		id := o.submit(t, "<"+alice+">", "<friend@"+strings.ReplaceAll(subject, " ", "-")+".example>", subject)
		e := o.await(t, id, "ready", 1)
		if e.LastReply == "" || strings.Contains(e.LastReply, "secret") {
			t.Errorf("%s: last reply %q", subject, e.LastReply)
		}
		o.do(t, "", "queue", "hold", id)
	}
	if n := len(plain.Arrived()) + len(wrong.Arrived()); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
	o.do(t, "new secret\n", "smarthost", "set", "smart.example", "--port", wrongPort, "--username", "company")
	o.submit(t, "<"+alice+">", "<friend@far.example>", "with the right one")
	wrong.Await(t, 1)
	o.do(t, "", "queue", "delete", "--state", "held", "--yes")
	o.do(t, "", "smarthost", "delete")
}
