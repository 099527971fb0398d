// Package iprev confirms the name of a peer: one of the names its address has
// in the reverse zone must lead back to the address (RFC 8601 §3; RFC 7601 §3
// in the same words). It authenticates nobody; it is reported and logged.
package iprev

import (
	"context"
	"net/netip"
	"slices"

	"postroom/internal/address"
	"postroom/internal/dns"
)

// Status is a result of RFC 8601 §2.7.3, as Authentication-Results spells it.
// There is no "none".
type Status string

// The results.
const (
	Pass      Status = "pass"
	Fail      Status = "fail"      // there are names, and none leads back
	TempError Status = "temperror" // the DNS does not answer for now
	PermError Status = "permerror" // the address has no name
)

// Result of one check.
type Result struct {
	Status Status
	Name   string // confirmed, lower case, fit for a header; "" but for Pass
}

// maxNames bounds the look-ups a peer's reverse zone can cost us, with the
// number of RFC 7208 §4.6.4, as RFC 8601 §3 suggests.
const maxNames = 10

// Check asks for the names of peer, at most 10 of them for their addresses,
// and takes the first that is confirmed. The time is ctx's.
func Check(ctx context.Context, r dns.Resolver, peer netip.Addr) Result {
	peer = peer.Unmap().WithZone("")
	if !peer.IsValid() {
		return Result{Status: PermError}
	}
	names, err := r.LookupPTR(ctx, peer)
	switch {
	case dns.IsTemporary(err):
		return Result{Status: TempError}
	case err != nil || len(names) == 0:
		return Result{Status: PermError}
	}
	out := Result{Status: Fail}
	for _, n := range names[:min(len(names), maxNames)] {
		name, err := address.Name(n)
		if err != nil {
			continue // no name that could be asked or shown
		}
		addrs, err := r.LookupAddrs(ctx, name)
		if slices.Contains(addrs, peer) {
			return Result{Status: Pass, Name: name}
		}
		if dns.IsTemporary(err) {
			out.Status = TempError
		}
	}
	return out
}
