// Package dnsbl asks DNS block lists about an address (RFC 5782). A list that
// does not answer, that refuses us, or that fails its own test points says
// nothing: never is that a listing. Nothing is kept here; a caching resolver
// makes the second question cheap.
package dnsbl

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"postroom/internal/dns"
)

// Zone is one list.
type Zone struct {
	Name string // as "zen.spamhaus.org"
}

// Listing tells that an address is on a list.
type Listing struct {
	Zone    string
	Answers []netip.Addr // of 127.0.0.0/8; what each means is the list's matter
	Text    string       // the list's reason, printable and at most 255 octets; may be ""
}

// Unusable is why a list said nothing. It is an error of Check.
type Unusable struct {
	Zone   string
	Reason string
}

func (u *Unusable) Error() string { return u.Zone + ": " + u.Reason }

// Lists asks several lists. It is safe for concurrent use when its resolver is.
type Lists struct {
	resolver dns.Resolver
	zones    []Zone
}

// New makes Lists; no zones are none asked.
func New(r dns.Resolver, zones []Zone) *Lists { return &Lists{r, zones} }

// Check asks all lists at once, with their test points beside the address, and
// gives those that list it, in the order of the zones. The error joins an
// *Unusable for each list that said nothing; the listings hold nevertheless.
// The time is ctx's: a list that is late then is unusable.
func (l *Lists) Check(ctx context.Context, addr netip.Addr) ([]Listing, error) {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() {
		return nil, errors.New("no address to look up in block lists")
	}
	type outcome struct {
		listing *Listing
		err     error
	}
	answers := make([]chan outcome, len(l.zones))
	for i, z := range l.zones {
		answers[i] = make(chan outcome, 1)
		go func() {
			listing, err := l.ask(ctx, z, addr)
			answers[i] <- outcome{listing, err}
		}()
	}
	var out []Listing
	var errs []error
	for i := range answers {
		o := <-answers[i]
		if o.listing != nil {
			out = append(out, *o.listing)
		}
		if o.err != nil {
			errs = append(errs, o.err)
		}
	}
	return out, errors.Join(errs...)
}

// ask asks one list. Its test points decide whether its answer counts.
func (l *Lists) ask(ctx context.Context, z Zone, addr netip.Addr) (*Listing, error) {
	tested := make(chan error, 1)
	go func() { tested <- l.test(ctx, z) }()
	answers, err := l.lookup(ctx, z, addr)
	if testErr := <-tested; testErr != nil {
		return nil, testErr
	}
	if err != nil || len(answers) == 0 {
		return nil, err
	}
	return &Listing{z.Name, answers, l.reason(ctx, z, addr)}, nil
}

// The test points of RFC 5782 §5: each list has the first, none the second.
var (
	listed    = netip.AddrFrom4([4]byte{127, 0, 0, 2})
	notListed = netip.AddrFrom4([4]byte{127, 0, 0, 1})
)

// test finds lists that have ended: those are empty, or list the whole world
// (RFC 5782 §7).
//
// Deviation: the IPv4 test points stand for IPv6 too, since lists of both
// kinds of addresses often lack the others.
func (l *Lists) test(ctx context.Context, z Zone) error {
	second := make(chan error, 1)
	go func() {
		answers, err := l.lookup(ctx, z, notListed)
		if err == nil && len(answers) > 0 {
			err = &Unusable{z.Name, "it lists the test point 127.0.0.1, as if it listed everybody"}
		}
		second <- err
	}()
	answers, err := l.lookup(ctx, z, listed)
	if err2 := <-second; err2 != nil {
		return err2
	}
	if err == nil && len(answers) == 0 {
		err = &Unusable{z.Name, "it does not list the test point 127.0.0.2: it has ended, or does not answer this resolver"}
	}
	return err
}

// lookup gives the answers that are a listing; none and no error: not listed.
func (l *Lists) lookup(ctx context.Context, z Zone, addr netip.Addr) ([]netip.Addr, error) {
	answers, err := l.resolver.LookupA(ctx, Name(addr, z.Name))
	if dns.IsNotFound(err) || dns.IsNoRecords(err) {
		return nil, nil
	}
	if err != nil {
		return nil, &Unusable{z.Name, "it does not answer for now"}
	}
	for _, a := range answers {
		if reason := refusal(a); reason != "" {
			return nil, &Unusable{z.Name, reason}
		}
	}
	return slices.Clone(answers), nil
}

var (
	meant   = netip.MustParsePrefix("127.0.0.0/8")      // RFC 5782 §2.1
	refused = netip.MustParsePrefix("127.255.255.0/24") // by convention of the lists
)

// refusal tells why an answer is no listing: what a resolver or a parked
// domain made up, or the list's way to say no to the one who asks.
func refusal(a netip.Addr) string {
	switch {
	case !meant.Contains(a):
		return fmt.Sprintf("it answers %v, which is no answer of a block list", a)
	case refused.Contains(a):
		return fmt.Sprintf("it refuses this resolver (%v): ask it from a resolver of your own, or register", a)
	}
	return ""
}

// maxText bounds what is shown of a list's reason.
const maxText = 255

// reason is the list's TXT record, cleaned: those are the words of a third
// party.
func (l *Lists) reason(ctx context.Context, z Zone, addr netip.Addr) string {
	txts, err := l.resolver.LookupTXT(ctx, Name(addr, z.Name))
	if err != nil || len(txts) == 0 {
		return ""
	}
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, txts[0])
	return text[:min(len(text), maxText)]
}

// Name is the question about addr in a zone: its octets, or the nibbles of an
// IPv6 address, in reverse order (RFC 5782 §2.1, §2.4).
func Name(addr netip.Addr, zone string) string {
	var labels []string
	if addr.Is4() {
		for _, b := range addr.AsSlice() {
			labels = append(labels, fmt.Sprint(b))
		}
	} else {
		labels = strings.Split(hex.EncodeToString(addr.AsSlice()), "")
	}
	slices.Reverse(labels)
	return strings.Join(labels, ".") + "." + zone
}
