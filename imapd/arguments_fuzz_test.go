package imapd

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postroom/imapd/wire"
)

// argumentParsers are the parsers of all commands that take arguments and
// collect their literals.
var argumentParsers = map[string]func(*session, *wire.Decoder){
	"ID": parsed(parseID), "LOGIN": parsed(parseLogin), "AUTHENTICATE": parsed(parseAuthenticate),
	"ENABLE": parsed(parseEnable), "COMPRESS": parsed(parseCompress),
	"SELECT": parsed(parseSelect), "EXAMINE": parsed(parseSelect), "CREATE": parsed(parseCreate),
	"DELETE": parsed(parseGivenName), "RENAME": parsed(parseRename),
	"SUBSCRIBE": parsed(parseMailbox), "UNSUBSCRIBE": parsed(parseMailbox),
	"LIST": parsed(parseList), "LSUB": parsed(parseLsub), "STATUS": parsed(parseStatus),
	"GETQUOTA": parsed(parseQuotaRoot), "GETQUOTAROOT": parsed(parseMailbox), "SETQUOTA": parsed(parseSetQuota),
	"SETACL": parsed(parseSetACL), "DELETEACL": parsed(parseIdentifier), "GETACL": parsed(parseMailbox),
	"LISTRIGHTS": parsed(parseIdentifier), "MYRIGHTS": parsed(parseMailbox),
	"GETMETADATA": parsed(parseGetMetadata), "SETMETADATA": parsed(parseSetMetadata),
	"NOTIFY": parsed(parseNotify), "ESEARCH": parsed(parseESearch), "UID EXPUNGE": parsed(parseUIDExpunge),
	"SEARCH": parsed(parseSearch), "UID SEARCH": parsed(parseSearch), "SORT": parsed(parseSort), "UID SORT": parsed(parseSort),
	"THREAD": parsed(parseThread), "UID THREAD": parsed(parseThread), "CANCELUPDATE": parsed(parseCancelUpdate),
	"FETCH": parsed(parseFetch), "UID FETCH": parsed(parseFetch), "STORE": parsed(parseStore), "UID STORE": parsed(parseStore),
	"COPY": parsed(parseCopy), "UID COPY": parsed(parseCopy), "MOVE": parsed(parseCopy), "UID MOVE": parsed(parseCopy),
}

func parsed[A any](parse func(*session, *wire.Decoder) A) func(*session, *wire.Decoder) {
	return func(s *session, d *wire.Decoder) { parse(s, d) }
}

// withoutArguments are left out: the last three are read as they stream, which
// FuzzSession does.
var withoutArguments = []string{"CAPABILITY", "NOOP", "LOGOUT", "STARTTLS", "UNAUTHENTICATE", "NAMESPACE", "IDLE",
	"CHECK", "CLOSE", "UNSELECT", "EXPUNGE", "APPEND", "REPLACE", "UID REPLACE"}

func TestEveryCommandIsFuzzed(t *testing.T) {
	for name := range commands {
		if argumentParsers[name] == nil && !slices.Contains(withoutArguments, name) {
			t.Errorf("FuzzArguments does not know %s: add its parser to argumentParsers", name)
		}
	}
}

// FuzzArguments reads octets as the arguments of each command: a parser ends
// with what it read or with an error that a client can be shown.
func FuzzArguments(f *testing.F) {
	seeds := map[string]bool{}
	files, _ := filepath.Glob("testdata/*/*.txt")
	for _, file := range files {
		octets, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, l := range strings.Split(string(octets), "\n") {
			_, text, ok := strings.Cut(l, ": ")
			if !ok || !strings.HasPrefix(l, "C") || strings.Contains(text, "{{") || seeds[text] {
				continue
			}
			if seeds[text] = true; len(seeds)%4 == 0 { // all would take the time that CI has
				f.Add([]byte(text))
			}
		}
	}
	srv := New(Config{})
	ours, theirs := net.Pipe()
	f.Cleanup(func() { _ = ours.Close(); _ = theirs.Close() })
	f.Fuzz(func(t *testing.T, line []byte) {
		for _, enabled := range []feature{0, featureRev2 | featureUTF8, featureQresync | featureUIDOnly} {
			d := wire.NewDecoder(line, nil)
			d.UTF8 = true
			_, name := commandName(d)
			parse := argumentParsers[name]
			if parse == nil {
				return
			}
			if !d.AtEnd() {
				d.SP()
			}
			s := newSession(srv, ours)
			s.enabled, s.enc.UTF8 = enabled, enabled&featureUTF8 != 0
			parse(s, d)
			d.End()
			if err := d.Err(); err != nil && strings.ContainsAny(err.Error(), "\r\n\x00") {
				t.Fatalf("%q would be answered by %q", line, err)
			}
		}
	})
}

// FuzzMessageURL: what is read of a URL names something of this server.
func FuzzMessageURL(f *testing.F) {
	for _, u := range []string{"/INBOX/;UID=1", "/a%20b;UIDVALIDITY=3/;UID=20/;SECTION=1.2.MIME/;PARTIAL=0.1024",
		"imap://other.test/INBOX/;UID=1", "//x/INBOX/;UID=1", "/%00/;UID=1", "/INBOX/;UID=4294967296", "/x;UIDVALIDITY=0/;UID=1"} {
		f.Add(u)
	}
	f.Fuzz(func(t *testing.T, u string) {
		m, ok := parseMessageURL(u)
		if !ok {
			return
		}
		if m.uid == 0 || m.mailbox == "" || m.section == nil || strings.HasPrefix(u, "//") {
			t.Fatalf("%q is %+v", u, m)
		}
		if sec := m.section; sec.partial && (sec.offset < 0 || sec.count <= 0) {
			t.Fatalf("%q: %d octets at %d", u, sec.count, sec.offset)
		}
	})
}

// FuzzPattern compares the matching of LIST patterns with its definition.
func FuzzPattern(f *testing.F) {
	for _, p := range [][2]string{{"*", "a/b"}, {"%", "a/b"}, {"a%/*c", "ab/cc"}, {"", ""}, {"%%*%", "/"}, {"*/%", "a/b/c"}} {
		f.Add(p[0], p[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 8 || len(name) > 12 {
			_ = matchMailbox(pattern[:min(len(pattern), maxPattern)], name)
			return
		}
		if got, want := matchMailbox(pattern, name), naiveMatch(pattern, name); got != want {
			t.Fatalf("%q and %q: %v, want %v", pattern, name, got, want)
		}
	})
}

func naiveMatch(pattern, name string) bool {
	if pattern == "" {
		return name == ""
	}
	if c := pattern[0]; c != '*' && c != '%' {
		return name != "" && name[0] == c && naiveMatch(pattern[1:], name[1:])
	}
	if naiveMatch(pattern[1:], name) {
		return true
	}
	return name != "" && (pattern[0] == '*' || name[0] != '/') && naiveMatch(pattern, name[1:])
}
