package maillog

import (
	"bytes"
	"log/slog"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"

	"postroom/internal/mail"
)

// filters reads the documented failregex as fail2ban does, but for a host that
// it takes more freely than fail2ban.
func filters(t *testing.T) (all []*regexp.Regexp) {
	t.Helper()
	doc, err := os.ReadFile("../../docs/authentication.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(doc), "failregex = ")
	if !ok {
		t.Fatal("docs/authentication.md has no failregex")
	}
	rest, _, _ = strings.Cut(rest, "\n```")
	for _, line := range strings.Split(rest, "\n") {
		all = append(all, regexp.MustCompile(strings.ReplaceAll(strings.TrimSpace(line), "<HOST>", `(\S*\w)`)))
	}
	if len(all) != 2 {
		t.Fatalf("%d filters, want one for each format", len(all))
	}
	return all
}

// banned gives what the filters make of a log: a host for each line that fits.
func banned(filters []*regexp.Regexp, log string) (hosts []string) {
	for line := range strings.SplitSeq(log, "\n") {
		for _, f := range filters {
			if m := f.FindStringSubmatch(line); m != nil {
				hosts = append(hosts, m[1])
			}
		}
	}
	return hosts
}

var formats = map[string]func(*bytes.Buffer) slog.Handler{
	"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
	"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
}

// hostile names try to put another address into the line, or a line of their
// own into the log.
var hostile = []string{
	"alice@example.test", "", "alice",
	"x\npeer=203.0.113.66 port=1 reason=bad-credentials",
	"x\r\ntime=2026-01-01T00:00:00Z level=WARN msg=\"login failed\" proto=smtp role=submission peer=203.0.113.66 port=1 mech=PLAIN reason=bad-credentials",
	`x","peer":"203.0.113.66","port":1,"reason":"bad-credentials"}`,
	`{"msg":"login failed","proto":"imap","peer":"203.0.113.66","port":1,"mech":"PLAIN","reason":"bad-credentials"}`,
	`msg="login failed" proto=imap peer=203.0.113.66 port=1 mech=PLAIN reason=bad-credentials`,
	"peer=203.0.113.66@example.test", "peer=203.0.113.66@[203.0.113.66]", `"peer=203.0.113.66 port=1 "@example.test`,
	"a@203.0.113.66", "a@peer=203.0.113.66", "a\x00b\x1b[2J@example.test", "\xff\xfe@example.test",
	"a\u2028peer=203.0.113.66@example.test", "a\u202epeer@example.test", strings.Repeat("peer=203.0.113.66 ", 5000), strings.Repeat("a", 60) + "@" + strings.Repeat("b.", 120) + "test",
}

func TestFailedLoginsFitTheFilter(t *testing.T) {
	all := filters(t)
	for format, handler := range formats {
		for peer, want := range map[string]string{"192.0.2.7": "192.0.2.7", "2001:db8::7": "2001:db8::7", "::ffff:192.0.2.9": "192.0.2.9", "fe80::1%eth0": "fe80::1"} {
			who := Peer(netip.AddrPortFrom(netip.MustParseAddr(peer), 40112))
			for proto, who := range map[string][]slog.Attr{"imap": who,
				"smtp": Session(&mail.Session{Role: mail.RoleSubmission, Peer: netip.AddrPortFrom(netip.MustParseAddr(peer), 40112)})} {
				for _, login := range hostile {
					var b bytes.Buffer
					New(slog.New(handler(&b)), proto).LoginFailed(who, "SCRAM-SHA-256-PLUS", login, mail.CodeBadCredentials)
					if got := banned(all, b.String()); len(got) != 1 || got[0] != want || strings.Count(b.String(), "\n") != 1 || b.Len() > 1000 {
						t.Errorf("%s %s %.60q from %s: banned %q by %.300s", format, proto, login, peer, got, b.String())
					}
				}
			}
		}
	}
}

// Nothing but failed log-ins bans, whatever clients write into other lines, and
// not what failed for our own reasons.
func TestFilterTakesNothingElse(t *testing.T) {
	all := filters(t)
	who := Peer(netip.MustParseAddrPort("192.0.2.7:40112"))
	for format, handler := range formats {
		var b bytes.Buffer
		l := New(slog.New(handler(&b)), "imap")
		for _, text := range hostile {
			l.Reject(who, text, 501, "5.5.2", text, slog.String("helo", text))
			l.Event(slog.LevelInfo, "client", who, slog.String("name", text))
		}
		l.Login(who, "PLAIN", true)
		for _, c := range []mail.Code{mail.CodeUnavailable, mail.CodeAccountDisabled} {
			l.LoginFailed(who, "PLAIN", "alice@example.test", c)
		}
		if got := banned(all, b.String()); len(got) != 0 {
			t.Errorf("%s: banned %q", format, got)
		}
		if !strings.Contains(b.String(), "new_network") {
			t.Errorf("%s: a new network is not told", format)
		}
	}
}
