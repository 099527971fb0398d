// Package authres writes our Authentication-Results field (RFC 8601) and finds
// the fields of others that claim to be ours. Both are our own code: the field
// of go-msgauth is neither folded nor safe against line ends and backslashes
// in a value, and its parser splits at ";" and space within quotes and
// comments, so that a forged field can hide from it.
package authres

import (
	"net/netip"
	"strconv"
	"strings"

	"postroom/internal/dmarc"
	"postroom/internal/iprev"
	"postroom/internal/spf"
)

// Result is what one method found out (resinfo of RFC 8601 §2.2). Texts may
// hold anything; Format makes them safe.
type Result struct {
	Method     string // a keyword of the registry: "spf", "dkim" …
	Value      string // a keyword: "pass" …
	Comment    string // shown in parentheses; "" for none
	Reason     string // "" for none
	Properties []Property
}

// Property is one propspec; with an empty Value it is left out.
type Property struct {
	Name  string // ptype and property: "header.d"
	Value string
}

// SPF reports a check (RFC 8601 §2.7.2). The local part is left out, since SPF
// does not authenticate it (§4).
func SPF(r spf.Result) Result {
	return Result{Method: "spf", Value: string(r.Status), Reason: r.Problem,
		Properties: []Property{{"smtp." + string(r.Identity), r.Domain}}}
}

// IPRev reports the peer's address and, as a comment, its confirmed name (RFC
// 8601 §2.7.3).
func IPRev(r iprev.Result, peer netip.Addr) Result {
	return Result{Method: "iprev", Value: string(r.Status), Comment: r.Name,
		Properties: []Property{{"policy.iprev", peer.Unmap().WithZone("").String()}}}
}

// DMARC reports the author domain and, where there is a record, its policies
// as a comment, and what comes of them for this message (RFC 9989 §9.1).
func DMARC(r dmarc.Result) Result {
	out := Result{Method: "dmarc", Value: string(r.Status), Properties: []Property{{"header.from", r.Domain}}}
	if r.RecordDomain == "" {
		return out
	}
	if r.Record.Invalid {
		out.Reason = "unusable DMARC record"
		return out
	}
	out.Comment = "p=" + string(r.Record.Policy)
	if sp := r.Record.SubdomainPolicy; sp != "" {
		out.Comment += " sp=" + string(sp)
	}
	if np := r.Record.NonexistentPolicy; np != "" {
		out.Comment += " np=" + string(np)
	}
	if r.Eased != dmarc.NotEased {
		out.Comment += ", " + string(r.Eased)
	}
	if r.Disposition != dmarc.Defer { // the property has no word for it
		out.Properties = append(out.Properties, Property{"policy.dmarc", string(r.Disposition)})
	}
	return out
}

// Signature is one DKIM signature as far as it could be read.
type Signature struct {
	Status    string // RFC 8601 §2.7.1
	Domain    string // d=
	Selector  string // s=
	Algorithm string // a=
	Data      string // b=, all of it; its beginning is shown
	Identity  string // i=; "" where there is none
	Reason    string
}

// DKIM reports each signature (RFC 8601 §2.7.1), or that there is none.
func DKIM(signatures ...Signature) []Result {
	if len(signatures) == 0 {
		return []Result{{Method: "dkim", Value: "none"}}
	}
	shown := beginnings(signatures)
	out := make([]Result, len(signatures))
	for i, s := range signatures {
		out[i] = Result{Method: "dkim", Value: s.Status, Reason: s.Reason, Properties: []Property{
			{"header.d", s.Domain}, {"header.s", s.Selector}, {"header.a", s.Algorithm},
			{"header.b", shown[i]}, {"header.i", s.Identity}}}
	}
	return out
}

// beginnings gives of each b= as much as tells it from all others, and at
// least eight characters (RFC 6008). Two that agree in their first 256
// characters stay alike: one of them is a copy.
func beginnings(signatures []Signature) []string {
	all := make([]string, len(signatures))
	for i, s := range signatures {
		all[i] = strings.Join(strings.Fields(s.Data[:min(len(s.Data), 2*maxValue)]), "")
	}
	out := make([]string, len(all))
	for i, b := range all {
		n := 8
		for _, other := range all {
			if other != b {
				n = max(n, common(b, other)+1)
			}
		}
		out[i] = b[:min(n, len(b), maxValue)]
	}
	return out
}

func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// ARC reports a chain (RFC 8617 §6): oldestPass is the lowest instance whose
// message signature still verifies, 0 when all do, below 0 when unknown.
func ARC(status string, oldestPass int, peer netip.Addr) Result {
	out := Result{Method: "arc", Value: status}
	if oldestPass >= 0 {
		out.Properties = append(out.Properties, Property{"header.oldest-pass", strconv.Itoa(oldestPass)})
	}
	if peer.IsValid() {
		out.Properties = append(out.Properties, Property{"smtp.remote-ip", peer.Unmap().WithZone("").String()})
	}
	return out
}

// Auth reports SMTP AUTH (RFC 8601 §2.7.4); login is the authorization
// identity.
func Auth(status, login string) Result {
	return Result{Method: "auth", Value: status, Properties: []Property{{"smtp.auth", login}}}
}
