package smtpd

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"postroom/internal/mail"
	"postroom/internal/sasl"
	"postroom/internal/sasl/sasltest"
	"postroom/internal/spool"
)

// options is what the O lines of a transcript ask of its server.
type options struct {
	text     string // the lines, as a key
	cfg      Config
	implicit bool  // tls=implicit
	raw      bool  // the client does not begin with TLS all the same
	room     bool  // log-ins are those of a sasltest.Room
	spool    int64 // the spool's room in files, octets; 0: no spool stands behind
	alone    bool  // two clients would disturb each other
	heavy    bool  // takes a second or more
}

func (f file) options(t testing.TB) options {
	t.Helper()
	var o options
	for _, l := range f.lines {
		words, ok := strings.CutPrefix(l, "O:")
		if !ok {
			continue
		}
		o.text += words
		for _, w := range strings.Fields(words) {
			o.set(t, w)
		}
	}
	return o
}

func (o *options) set(t testing.TB, word string) {
	k, v, _ := strings.Cut(word, "=")
	n, _ := strconv.Atoi(v)
	if o.setNumber(k, n) || o.setDuration(k, time.Duration(n)*time.Millisecond) {
		return
	}
	switch word {
	case "role=submission":
		o.cfg.Role = mail.RoleSubmission
	case "tls=implicit":
		o.implicit = true
	case "raw":
		o.raw = true
	case "authwithouttls":
		o.cfg.AuthWithoutTLS = true
	case "room":
		o.room = true
	case "literals":
		o.cfg.AddressLiterals = true
	case "proxy":
		o.cfg.ProxyNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	case "alone":
		o.alone = true
	case "heavy":
		o.heavy = true
	default:
		t.Fatalf("option %q", word)
	}
}

func (o *options) setNumber(key string, n int) bool {
	l := &o.cfg.Limits
	fields := map[string]*int{"connections": &l.Connections, "perclient": &l.ConnectionsPerClient, "recipients": &l.Recipients,
		"messages": &l.Messages, "junk": &l.Junk, "soft": &l.SoftErrors, "hard": &l.HardErrors, "commands": &l.Commands, "bodyline": &l.BodyLine,
		"header": &l.Header, "rate": &l.MinRate}
	switch {
	case key == "size":
		o.cfg.MaxMessageSize = int64(n)
	case key == "spool":
		o.spool = int64(n)
	case fields[key] != nil:
		*fields[key] = n
	default:
		return false
	}
	return true
}

// setDuration takes milliseconds.
func (o *options) setDuration(key string, d time.Duration) bool {
	l := &o.cfg.Limits
	fields := map[string]*time.Duration{"timeout": &l.ReadTimeout, "handshake": &l.Handshake, "session": &l.Session}
	if fields[key] == nil {
		return false
	}
	*fields[key] = d
	return true
}

// start makes the server.
func (o options) start(t testing.TB) *running {
	t.Helper()
	var a sasl.Authenticator = verifier{}
	if o.room {
		a = sasltest.NewRoom(t)
	}
	r := startWith(t, o.cfg, o.implicit, a)
	if o.spool > 0 {
		s, err := spool.New(t.TempDir(), 16<<10)
		if err != nil {
			t.Fatal(err)
		}
		s.MaxBytes = o.spool
		r.backend.spool = s
	}
	return r
}
