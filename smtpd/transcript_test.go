package smtpd

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A transcript in testdata is run line by line against a real listener:
//
//	O: role=submission tls=implicit size=100   options of the server: options_test.go
//	C: text          sent with CRLF
//	R: "quoted"      sent as it is
//	B: "quoted"      sent octet by octet
//	D: "quoted"      sent again and again, octet by octet, until the server answers or closes
//	G: 1000          so many octets that do not compress, in lines
//	S: prefix        the next reply line begins so
//	S*: prefix       the next whole reply has a line that begins so
//	T:               the TLS handshake
//	X:               the server closes
//	H:               we close our direction
//	A:               the connection is reset
//	N:               the connection is dropped and a new one made
//	K:               the connection is kept open and a new one made
//	L: text          the log comes to hold this
//	M: <from> <to>,<to> "octets"   the next message that was accepted; a large one: its size
//
// A number repeats: `R 100: "NOOP\r\n"`, in which {n} is 0, 1, 2 …, `S 100: 250`.
// At the end no further message may have been accepted.
func TestTranscripts(t *testing.T) {
	for _, f := range transcripts(t, "testdata/*.txt", "testdata/attack/*.txt") {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			o := f.options(t)
			r := o.start(t)
			run(t, r, f, o, "127.0.0.1")
		})
	}
}

// file is a transcript as it stands in testdata.
type file struct {
	name  string // attack/relay-1
	lines []string
}

func transcripts(t testing.TB, patterns ...string) []file {
	t.Helper()
	var found []file
	for _, p := range patterns {
		names, err := filepath.Glob(p)
		if err != nil || len(names) < 15 {
			t.Fatalf("%d transcripts in %s, %v", len(names), p, err)
		}
		for _, n := range names {
			b, err := os.ReadFile(n)
			if err != nil {
				t.Fatal(err)
			}
			n = strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(n), "testdata/"), ".txt")
			found = append(found, file{n, strings.Split(string(b), "\n")})
		}
	}
	return found
}

// transcript is one run of a file, by one client.
type transcript struct {
	t       testing.TB
	server  *running
	options options
	from    string // the client's address
	c       *client
	conns   []*client
	peers   map[netip.AddrPort]bool // all connections so far
	seen    int                     // messages checked
}

func run(t testing.TB, r *running, f file, o options, from string) {
	x := &transcript{t: t, server: r, options: o, from: from, peers: map[netip.AddrPort]bool{}}
	x.connect()
	for n, l := range f.lines {
		op, arg, _ := strings.Cut(l, ":")
		if l == "" || strings.HasPrefix(l, "#") || op == "O" {
			continue
		}
		if err := x.step(op, strings.TrimPrefix(arg, " ")); err != nil {
			t.Fatalf("%s line %d: %s: %v", f.name, n+1, l, err)
		}
	}
	for _, c := range x.conns {
		c.conn.Close()
	}
	waitFor(t, "the server is done with "+f.name, func() bool { return !r.serves(x.peers) })
	if all := r.backend.from(x.peers); len(all) != x.seen {
		t.Errorf("%s: %d messages were accepted, %d expected; the last: %+v", f.name, len(all), x.seen, all[len(all)-1])
	}
	r.backend.forget(x.peers)
}

func (x *transcript) connect() {
	x.c = x.server.dialFrom(x.t, x.from)
	x.conns = append(x.conns, x.c)
	x.peers[x.c.address()] = true
	if x.options.implicit && !x.options.raw {
		x.c.startTLS()
	}
}

// message checks the next message that was accepted, or that is about to be.
func (x *transcript) message(want string) error {
	var all []recorded
	waitFor(x.t, "a message is accepted", func() bool {
		all = x.server.backend.from(x.peers)
		return len(all) > x.seen
	})
	m := all[x.seen]
	x.seen++
	var to []string
	for _, r := range m.env.Recipients {
		to = append(to, "<"+r.Address.String()+">")
	}
	who := fmt.Sprintf("<%s> %s ", m.env.From, strings.Join(to, ","))
	if got := who + fmt.Sprintf("%q", m.octets); got != want && (m.size <= maxKept || who+fmt.Sprint(m.size) != want) {
		return fmt.Errorf("got %s, %d octets", got, m.size)
	}
	return nil
}
