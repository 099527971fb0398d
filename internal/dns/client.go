package dns

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	mdns "github.com/miekg/dns"
	"golang.org/x/sync/singleflight"
)

// Config sets up a Client. The zero Config asks the servers of
// /etc/resolv.conf.
type Config struct {
	Servers  []string         // "host:port" or "host"; empty: /etc/resolv.conf
	Timeout  time.Duration    // of one question to one server; 0: 5 s
	Rounds   int              // times round the servers; 0: 2
	MaxCache int              // answers kept; 0: 10,000
	MaxTTL   time.Duration    // longest time an answer is kept; 0: 5 min
	Now      func() time.Time // nil: time.Now
}

// Client is a stub resolver with a small cache; safe for concurrent use.
type Client struct {
	servers []string
	timeout time.Duration
	rounds  int
	cache   *cache
	flights singleflight.Group
}

// Answer is what one question got.
type Answer struct {
	Records   []mdns.RR // of the asked type, at the end of the CNAME chain
	Authentic bool      // the server said AD: DNSSEC validated
	TTL       time.Duration
}

// maxCNAMEs bounds a chain that the server left for us to follow.
const maxCNAMEs = 8

// New makes a Client; it fails only when resolv.conf is needed and unreadable.
func New(c Config) (*Client, error) {
	servers := c.Servers
	if len(servers) == 0 {
		rc, err := mdns.ClientConfigFromFile("/etc/resolv.conf")
		if err != nil {
			return nil, fmt.Errorf("no DNS servers are configured and /etc/resolv.conf is not readable: %w", err)
		}
		for _, s := range rc.Servers {
			servers = append(servers, net.JoinHostPort(s, rc.Port))
		}
		if len(servers) == 0 {
			servers = []string{"127.0.0.1:53"} // resolv.conf(5): the local host
		}
	}
	out := &Client{timeout: orDefault(c.Timeout, 5*time.Second), rounds: orDefault(c.Rounds, 2)}
	for _, s := range servers {
		out.servers = append(out.servers, withPort(s))
	}
	now := c.Now
	if now == nil {
		now = time.Now
	}
	out.cache = newCache(orDefault(c.MaxCache, 10_000), orDefault(c.MaxTTL, 5*time.Minute), now)
	return out, nil
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

func withPort(server string) string {
	if _, _, err := net.SplitHostPort(server); err == nil {
		return server
	}
	return net.JoinHostPort(strings.Trim(server, "[]"), "53")
}

// Lookup asks for the records of one type, from the cache when it has them.
// Equal questions at the same time go out once.
func (c *Client) Lookup(ctx context.Context, name string, qtype uint16) (Answer, error) {
	k := key{strings.ToLower(mdns.Fqdn(name)), qtype}
	if _, ok := mdns.IsDomainName(name); !ok || name == "" || len(k.name) > 254 {
		return Answer{}, c.fail(k, NotFound, nil)
	}
	if a, kind, ok := c.cache.get(k); ok {
		return a, c.result(k, kind)
	}
	done := c.flights.DoChan(k.String(), func() (any, error) {
		// The question outlives the one who asked first: others wait for it.
		qctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.budget())
		defer cancel()
		return c.ask(qctx, k)
	})
	select {
	case <-ctx.Done():
		return Answer{}, c.fail(k, Temporary, ctx.Err())
	case r := <-done:
		a, _ := r.Val.(Answer)
		return a, r.Err
	}
}

func (c *Client) budget() time.Duration {
	return c.timeout * time.Duration(c.rounds*len(c.servers)+1) * 2
}

func (c *Client) result(k key, kind Kind) error {
	if kind == found {
		return nil
	}
	return c.fail(k, kind, nil)
}

func (c *Client) fail(k key, kind Kind, err error) error {
	return &Error{Name: strings.TrimSuffix(k.name, "."), Type: mdns.TypeToString[k.qtype], Kind: kind, Err: err}
}

// ask follows CNAMEs the server did not follow, and keeps the outcome.
func (c *Client) ask(ctx context.Context, k key) (Answer, error) {
	out := Answer{Authentic: true, TTL: c.cache.maxTTL}
	name := k.name
	for range maxCNAMEs {
		m, err := c.exchange(ctx, name, k.qtype)
		if err != nil {
			return Answer{}, c.fail(k, Temporary, err)
		}
		out.Authentic = out.Authentic && m.AuthenticatedData
		end, records, ttl := follow(m, name, k.qtype)
		out.TTL = min(out.TTL, ttl)
		switch {
		case m.Rcode == mdns.RcodeNameError:
			c.cache.put(k, Answer{}, NotFound, negativeTTL(m))
			return Answer{}, c.fail(k, NotFound, nil)
		case len(records) > 0:
			out.Records = records
			c.cache.put(k, out, found, out.TTL)
			return out, nil
		case end == name:
			c.cache.put(k, Answer{}, NoRecords, negativeTTL(m))
			return Answer{}, c.fail(k, NoRecords, nil)
		}
		name = end
	}
	return Answer{}, c.fail(k, Temporary, fmt.Errorf("more than %d CNAMEs", maxCNAMEs))
}

// follow walks the answer's CNAMEs from name and gives where they end, the
// records there, and the lowest TTL on the way.
func follow(m *mdns.Msg, name string, qtype uint16) (end string, records []mdns.RR, ttl time.Duration) {
	lowest := uint32(1 << 31)
	for range maxCNAMEs {
		next := ""
		for _, rr := range m.Answer {
			if !strings.EqualFold(rr.Header().Name, name) {
				continue
			}
			if rr.Header().Rrtype == qtype {
				records = append(records, rr)
				lowest = min(lowest, rr.Header().Ttl)
			} else if c, ok := rr.(*mdns.CNAME); ok {
				next = strings.ToLower(c.Target)
				lowest = min(lowest, rr.Header().Ttl)
			}
		}
		if len(records) > 0 || next == "" {
			break
		}
		name = next
	}
	return name, records, time.Duration(lowest) * time.Second
}

// negativeTTL is that of RFC 2308 §5, at most a minute: a sender that adds a
// missing record should not wait long.
func negativeTTL(m *mdns.Msg) time.Duration {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*mdns.SOA); ok {
			return min(time.Duration(min(soa.Minttl, soa.Hdr.Ttl))*time.Second, time.Minute)
		}
	}
	return 0
}
