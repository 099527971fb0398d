// Package spf tells whether the peer may use the domain of the reverse-path or
// of HELO (RFC 7208). The evaluation is blitiri.com.ar/go/spf's; here are the
// syntax of the whole record, which RFC 7208 §4.6 wants checked before any of
// it counts, our resolver, and the explanation. A DNS that does not answer
// gives temperror and never pass.
package spf

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	lib "blitiri.com.ar/go/spf"

	"postroom/internal/address"
	"postroom/internal/dns"
	"postroom/internal/mail"
)

// Status is the result of check_host() (RFC 7208 §2.6), as
// Authentication-Results spells it.
type Status string

// The results.
const (
	None      Status = "none"
	Neutral   Status = "neutral"
	Pass      Status = "pass"
	Fail      Status = "fail"
	SoftFail  Status = "softfail"
	TempError Status = "temperror"
	PermError Status = "permerror"
)

// Identity is what was checked.
type Identity string

// The identities (RFC 7208 §2.3, §2.4), named as the properties of
// Authentication-Results.
const (
	MailFrom Identity = "mailfrom"
	Helo     Identity = "helo"
)

// Result of one check. All texts are printable ASCII on one line.
type Result struct {
	Status    Status
	Identity  Identity
	Domain    string // A-label, lower case; "" when the identity is no domain name
	Mechanism string // that matched in the end: "all", "ip", "a", "mx", "ptr", "exists"; or ""
	Problem   string // why there is no verdict: with none, temperror and permerror
	// Explanation is what the domain's owner has to say about a fail (RFC 7208
	// §6.2), at most 255 octets: the words of a third party, to be shown as
	// such.
	Explanation string
}

// Checker holds what all checks share. Resolver must be set.
type Checker struct {
	Resolver dns.Resolver
	Hostname string           // ours, for the macro %{r}; "": "unknown"
	Now      func() time.Time // for the macro %{t}; nil: time.Now
}

// Check evaluates the reverse-path of a message, or postmaster at the name of
// HELO where it is null (RFC 7208 §2.4): with the null Address it is the check
// of HELO alone that §2.3 recommends. It costs at most 10 terms that ask the
// DNS and 2 that find nothing; the time is ctx's, which should be 20 s or more
// (RFC 7208 §4.6.4).
func (c *Checker) Check(ctx context.Context, peer netip.Addr, helo string, from mail.Address) Result {
	out := Result{Status: None, Identity: MailFrom}
	if from.IsNull() {
		out.Identity, from.Domain = Helo, helo
	}
	if from.Local == "" {
		from.Local = "postmaster" // RFC 7208 §4.3
	}
	domain, ok := checkable(from.Domain)
	if !ok || !peer.IsValid() {
		out.Problem = "not a domain name that can have a policy"
		return out
	}
	out.Domain, from.Domain = domain, domain
	peer = peer.Unmap().WithZone("")
	r := &resolver{dns: c.Resolver, v4: peer.Is4(), records: map[string]record{}}
	status, err := lib.CheckHostWithSender(net.IP(peer.AsSlice()), helo, from.String(), lib.WithContext(ctx), lib.WithResolver(r))
	out.Status = Status(status)
	if r.cut { // RFC 7208 §4.6.4: out of time, whatever a ptr made of it
		out.Status, err = TempError, context.DeadlineExceeded
	}
	switch out.Status {
	case None, TempError, PermError:
		out.Problem = problem(out.Status, err)
	default:
		out.Mechanism = mechanism(err)
	}
	if out.Status == Fail {
		e := expander{sender: from, domain: domain, peer: peer, helo: helo, host: c.Hostname, now: c.now()}
		out.Explanation = r.explanation(ctx, e)
	}
	return out
}

func (c *Checker) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// checkable gives the A-label form of a name of several labels that is no IP
// address (RFC 7208 §4.3).
func checkable(s string) (string, bool) {
	name, err := address.Name(s)
	if err != nil {
		return "", false
	}
	i := strings.LastIndexByte(name, '.')
	return name, i > 0 && strings.Trim(name[i+1:], "0123456789") != ""
}

var mechanisms = map[error]string{
	lib.ErrMatchedAll: "all", lib.ErrMatchedIP: "ip", lib.ErrMatchedA: "a",
	lib.ErrMatchedMX: "mx", lib.ErrMatchedPTR: "ptr", lib.ErrMatchedExists: "exists",
}

func mechanism(err error) string {
	for matched, name := range mechanisms {
		if errors.Is(err, matched) {
			return name
		}
	}
	return ""
}

// problem puts an error into words of ours: those of the library and of the
// DNS hold names that the peer or the domain chose.
func problem(s Status, err error) string {
	switch {
	case s == None:
		return "no SPF record"
	case s == TempError:
		return "the DNS does not answer for now"
	case errors.Is(err, lib.ErrLookupLimitReached):
		return "more than 10 DNS look-ups"
	case errors.Is(err, lib.ErrVoidLookupLimitReached):
		return "more than 2 DNS look-ups found nothing"
	case errors.Is(err, lib.ErrTooManyMXRecords):
		return "more than 10 MX records"
	case errors.Is(err, lib.ErrMultipleRecords):
		return "several SPF records"
	case errors.Is(err, lib.ErrNoResult):
		return "include or redirect to a domain without SPF record"
	}
	return "syntax error in the SPF record"
}
