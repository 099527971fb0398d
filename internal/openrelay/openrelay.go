// Package openrelay finds out whether a server passes on mail of strangers to
// strangers: it offers it the ways in which relays were ever open, up to the
// recipient, and never sends a message (RFC 5321 §3.6.1, §7.9; source routes
// are those of its appendix C).
package openrelay

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/netip"
	"net/textproto"
	"strings"
	"time"
)

// Probe is one way to ask for relaying.
type Probe struct {
	Form string // as people call it
	From string // reverse-path
	To   string // forward-path, which must be refused
	// Local tells that To can be read as a name of the domain itself: where the
	// domain takes any name, that is no relaying.
	Local bool
}

// outside is a recipient who is nobody's customer: example.com is reserved
// (RFC 2606 §3), and nothing is ever sent.
const (
	outsideUser   = "relay-test"
	outsideDomain = "example.com"
	outside       = outsideUser + "@" + outsideDomain
	stranger      = "relay-test@example.net"
)

// Probes gives the forms for a server that has domain.
func Probes(domain, hostname string) []Probe {
	return []Probe{
		{"plain", stranger, outside, false},
		{"null sender", "", outside, false},
		{"our domain as sender", "postmaster@" + domain, outside, false},
		{"our host as sender", "postmaster@" + hostname, outside, false},
		{"quoted", stranger, `"` + outside + `"`, false},
		{"source route", stranger, "@" + domain + ":" + outside, false},
		{"bare bang path", stranger, outsideDomain + "!" + outsideUser, false},
		{"bare local name", stranger, outsideUser, false},
		{"percent hack", stranger, outsideUser + "%" + outsideDomain + "@" + domain, true},
		{"percent hack at the host", stranger, outsideUser + "%" + outsideDomain + "@" + hostname, true},
		{"quoted, with domain", stranger, `"` + outside + `"@` + domain, true},
		{"bang path", stranger, outsideDomain + "!" + outsideUser + "@" + domain, true},
	}
}

// Result is the answer to one probe.
type Result struct {
	Probe
	Accepted  bool
	Temporary bool   // refused for now only: it may be accepted later
	Reply     string // the reply that decided, one printable line
}

// Report is what a server did.
type Report struct {
	Addr    string // host:port
	Outside bool   // asked from another network than the server's own machine
	Results []Result
}

// Open gives the probes that were accepted.
func (r Report) Open() (out []Result) {
	for _, x := range r.Results {
		if x.Accepted {
			out = append(out, x)
		}
	}
	return out
}

// Tester asks servers. The zero Tester will do.
type Tester struct {
	Dial    func(ctx context.Context, network, addr string) (net.Conn, error) // nil: a net.Dialer's
	HELO    string                                                            // "": localhost
	Timeout time.Duration                                                     // of each probe; 0: 5 s
}

// Test offers each probe in a session of its own, and stops at the first that
// cannot be asked; the report has what was asked until then.
func (t Tester) Test(ctx context.Context, addr string, probes []Probe) (Report, error) {
	out := Report{Addr: addr}
	for _, p := range probes {
		r, from, err := t.try(ctx, addr, p)
		if err != nil {
			return out, err
		}
		out.Outside = from
		out.Results = append(out.Results, r)
	}
	return out, nil
}

func (t Tester) try(ctx context.Context, addr string, p Probe) (r Result, outside bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout())
	defer cancel()
	dial := t.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", addr)
	if err != nil {
		return Result{}, false, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	r, err = t.session(conn, p)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return r, isOutside(conn), err
}

func (t Tester) timeout() time.Duration {
	if t.Timeout == 0 {
		return 5 * time.Second
	}
	return t.Timeout
}

// session goes as far as the recipient; any refusal on the way decides.
func (t Tester) session(conn net.Conn, p Probe) (Result, error) {
	s := session{conn: conn, in: textproto.NewReader(bufio.NewReader(&bounded{conn, maxReplies}))}
	helo := t.HELO
	if helo == "" {
		helo = "localhost"
	}
	var code int
	var text string
	var err error
	for _, line := range []string{"", "EHLO " + helo, "MAIL FROM:<" + p.From + ">", "RCPT TO:<" + p.To + ">"} {
		if code, text, err = s.say(line); err != nil {
			return Result{}, err
		}
		if code/100 != 2 {
			break
		}
	}
	_, _ = conn.Write([]byte("QUIT\r\n"))
	return Result{Probe: p, Accepted: code/100 == 2, Temporary: code/100 == 4, Reply: text}, nil
}

type session struct {
	conn net.Conn
	in   *textproto.Reader
}

// say writes a line, if any, and reads the reply.
func (s session) say(line string) (code int, text string, err error) {
	if line != "" {
		if _, err := s.conn.Write([]byte(line + "\r\n")); err != nil {
			return 0, "", err
		}
	}
	code, text, err = s.in.ReadResponse(0)
	var bad *textproto.Error
	if errors.As(err, &bad) {
		code, text, err = bad.Code, bad.Msg, nil
	}
	text, _, _ = strings.Cut(text, "\n")
	return code, printable(text), err
}

// maxReplies bounds what one session reads.
const maxReplies = 64 << 10

// bounded ends a peer that does not stop talking.
type bounded struct {
	conn net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the server talks without end")
	}
	n, err := b.conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func printable(s string) string {
	const most = 200
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, s)
	return s[:min(len(s), most)]
}

// isOutside tells whether the server saw a stranger's address: neither its own
// nor one of a private network, to which its rules may be kinder.
func isOutside(conn net.Conn) bool {
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	remote, err2 := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil || err2 != nil {
		return false
	}
	l, r := local.Addr().Unmap(), remote.Addr().Unmap()
	return l != r && !r.IsLoopback() && !r.IsPrivate() && !r.IsLinkLocalUnicast()
}
