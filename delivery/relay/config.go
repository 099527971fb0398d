package relay

import (
	"context"
	"crypto/x509"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"postroom/internal/dns"
)

// Config sets up a Client. Hostname and Resolver must be set.
type Config struct {
	Hostname string // of our EHLO
	Resolver dns.Resolver
	Port     int // of next hops found by MX; 0: 25
	Timeouts Timeouts
	// TLSPolicy decides how a connection is protected; nil: OpportunisticTLS.
	TLSPolicy TLSPolicy
	// Smarthost gives the next hop that replaces the MX look-up for a
	// destination, nil when there is none. A nil func: never one.
	Smarthost func(ctx context.Context, domain string) (*Smarthost, error)
	// IsSelf tells addresses that this instance listens on, beside loopback
	// and unspecified ones on port 25.
	IsSelf func(netip.AddrPort) bool
	// Families says over which IP versions next hops are reached.
	Families Families
	// Sources are addresses of this machine that connections come from: a
	// destination always sees the same one. Of an IP version without one the
	// system chooses.
	Sources []netip.Addr
	// Dial connects; from is not valid where the system chooses the source. nil:
	// net.Dialer.
	Dial func(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error)
	// Shuffle orders equal MX records; nil: random.
	Shuffle func(n int, swap func(i, j int))
	Log     *slog.Logger
}

// Timeouts are those of RFC 5321 §4.5.3.2, one per phase.
type Timeouts struct {
	Connect  time.Duration // one address
	Greeting time.Duration
	Command  time.Duration // EHLO, STARTTLS, AUTH, MAIL, RCPT, RSET
	TLS      time.Duration // the handshake
	DataInit time.Duration // reply to DATA
	Block    time.Duration // one write of the body
	Final    time.Duration // reply to the end of the message
	Quit     time.Duration
}

// DefaultTimeouts are the minimums of RFC 5321 §4.5.3.2; for the connection
// 30 s, since several addresses may have to be tried.
var DefaultTimeouts = Timeouts{
	Connect:  30 * time.Second,
	Greeting: 5 * time.Minute,
	Command:  5 * time.Minute,
	TLS:      time.Minute,
	DataInit: 2 * time.Minute,
	Block:    3 * time.Minute,
	Final:    10 * time.Minute,
	Quit:     5 * time.Second,
}

func (t Timeouts) orDefault() Timeouts {
	for _, f := range []struct {
		v   *time.Duration
		def time.Duration
	}{
		{&t.Connect, DefaultTimeouts.Connect}, {&t.Greeting, DefaultTimeouts.Greeting},
		{&t.Command, DefaultTimeouts.Command}, {&t.TLS, DefaultTimeouts.TLS},
		{&t.DataInit, DefaultTimeouts.DataInit}, {&t.Block, DefaultTimeouts.Block},
		{&t.Final, DefaultTimeouts.Final}, {&t.Quit, DefaultTimeouts.Quit},
	} {
		if *f.v == 0 {
			*f.v = f.def
		}
	}
	return t
}

// Smarthost is a next hop with its secret opened.
type Smarthost struct {
	Host     string // name or address
	Port     int
	Security Security
	Username string // "": no AUTH
	Password string
	// Roots verifies the certificate; nil: the system's.
	Roots *x509.CertPool
}

// Security is how a smarthost's connection is protected.
type Security int

// The kinds of Security.
const (
	SecuritySTARTTLS Security = iota // forced, verified
	SecurityImplicit                 // TLS from the first octet, verified
	SecurityNone                     // plain text: no AUTH is done
)

// Client finds next hops and opens sessions to them; safe for concurrent use.
type Client struct {
	cfg Config
	log *slog.Logger
}

// New makes a Client.
func New(cfg Config) *Client {
	cfg.Timeouts = cfg.Timeouts.orDefault()
	if cfg.Port == 0 {
		cfg.Port = 25
	}
	if cfg.TLSPolicy == nil {
		cfg.TLSPolicy = OpportunisticTLS
	}
	if cfg.Dial == nil {
		cfg.Dial = dial
	}
	if cfg.Shuffle == nil {
		cfg.Shuffle = rand.Shuffle
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{cfg: cfg, log: cfg.Log}
}

// FinalTimeout is how long the reply to the end of a message may take; a lease
// must outlive it.
func (c *Client) FinalTimeout() time.Duration { return c.cfg.Timeouts.Final }
