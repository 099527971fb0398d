package dns

import (
	"context"
	"errors"
	"fmt"
	"strings"

	mdns "github.com/miekg/dns"
)

// ednsSize is the UDP payload we can take: what passes every path unbroken
// (the value of DNS Flag Day 2020).
const ednsSize = 1232

// exchange asks the servers in order, rounds times, until one gives an answer
// that is NOERROR or NXDOMAIN. SERVFAIL, REFUSED, time-outs and nonsense go on
// to the next server; when none is left that is a temporary failure.
func (c *Client) exchange(ctx context.Context, name string, qtype uint16) (*mdns.Msg, error) {
	var last error
	for range c.rounds {
		for _, server := range c.servers {
			m, err := c.exchangeOne(ctx, server, name, qtype)
			if err == nil {
				return m, nil
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			last = err
		}
	}
	return nil, last
}

func (c *Client) exchangeOne(ctx context.Context, server, name string, qtype uint16) (*mdns.Msg, error) {
	m, err := c.roundTrip(ctx, "udp", server, question(name, qtype, true))
	if err == nil && m.Rcode == mdns.RcodeFormatError {
		// A server from before EDNS (RFC 6891 §7).
		m, err = c.roundTrip(ctx, "udp", server, question(name, qtype, false))
	}
	if err == nil && m.Truncated {
		m, err = c.roundTrip(ctx, "tcp", server, question(name, qtype, true))
	}
	if err != nil {
		return nil, err
	}
	if m.Rcode != mdns.RcodeSuccess && m.Rcode != mdns.RcodeNameError {
		return nil, errors.New("the server answers " + mdns.RcodeToString[m.Rcode])
	}
	return m, nil
}

// question asks with AD set: a validating server then says AD in its answer
// without sending the signatures (RFC 6840 §5.7).
func question(name string, qtype uint16, edns bool) *mdns.Msg {
	m := new(mdns.Msg)
	m.SetQuestion(name, qtype)
	m.AuthenticatedData = true
	if edns {
		m.SetEdns0(ednsSize, false)
	}
	return m
}

func (c *Client) roundTrip(ctx context.Context, network, server string, q *mdns.Msg) (*mdns.Msg, error) {
	client := &mdns.Client{Net: network, Timeout: c.timeout, UDPSize: ednsSize}
	m, _, err := client.ExchangeContext(ctx, q, server)
	if err != nil {
		return nil, err
	}
	if !m.Response || len(m.Question) != 1 || m.Question[0].Qtype != q.Question[0].Qtype ||
		!strings.EqualFold(m.Question[0].Name, q.Question[0].Name) {
		return nil, fmt.Errorf("the server answers another question")
	}
	return m, nil
}
