package delivery

import (
	"net/netip"
	"strings"

	"postroom/internal/arc"
	"postroom/internal/authres"
	"postroom/internal/dkim"
	"postroom/internal/dkim/sig"
	"postroom/internal/dmarc"
	"postroom/internal/iprev"
	"postroom/internal/spf"
)

// evidence is what the checks found out.
type evidence struct {
	blind   bool // the peer's address says nothing: no iprev, no SPF
	iprev   iprev.Result
	spf     spf.Result
	dkim    []dkim.Result
	arc     arc.Result
	authors authors
	dmarc   []dmarc.Result // one per author domain
}

// proves tells that SPF or a signature passed for domain, or for a domain
// above it.
func (f *evidence) proves(domain string) bool { return f.says(domain, "pass") }

// unclear tells that a check which could prove it is open.
func (f *evidence) unclear(domain string) bool { return f.says(domain, "temperror") }

func (f *evidence) says(domain, status string) bool {
	if string(f.spf.Status) == status && isWithin(domain, f.spf.Domain) {
		return true
	}
	for _, r := range f.dkim {
		if string(r.Status) == status && isWithin(domain, r.Domain) {
			return true
		}
	}
	return false
}

func isWithin(domain, parent string) bool {
	return parent != "" && (domain == parent || strings.HasSuffix(domain, "."+parent))
}

func (f *evidence) signed() bool {
	for _, r := range f.dkim {
		if r.Status == sig.Pass {
			return true
		}
	}
	return false
}

func (f *evidence) hasPolicy() bool {
	for _, r := range f.dmarc {
		if r.RecordDomain != "" {
			return true
		}
	}
	return false
}

// summary is one line for the timeline.
func (f *evidence) summary() string {
	var b strings.Builder
	if !f.blind {
		b.WriteString("iprev=" + string(f.iprev.Status) + " spf=" + string(f.spf.Status))
	}
	b.WriteString(" dkim=")
	if len(f.dkim) == 0 {
		b.WriteString("none")
	}
	for i, r := range f.dkim {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(string(r.Status))
	}
	for _, r := range f.dmarc {
		b.WriteString(" dmarc=" + string(r.Status))
	}
	if f.arc.Status != sig.None && f.arc.Status != "" {
		b.WriteString(" arc=" + string(f.arc.Status))
	}
	return strings.TrimSpace(b.String())
}

// results is our Authentication-Results field; "" without checks.
func (m *Incoming) results(utf8 bool) string {
	if m.checks == nil {
		return ""
	}
	return authres.Format(m.d.cfg.Hostname, m.checks.found.results(m.s.Peer.Addr()), utf8)
}

// results are what our Authentication-Results field says (RFC 8601).
func (f *evidence) results(peer netip.Addr) []authres.Result {
	var out []authres.Result
	if !f.blind {
		out = append(out, authres.IPRev(f.iprev, peer), authres.SPF(f.spf))
	}
	for _, r := range f.dmarc {
		out = append(out, authres.DMARC(r))
	}
	if f.arc.Status != "" && f.arc.Status != sig.None {
		oldest := -1
		if f.arc.Status == sig.Pass {
			oldest = f.arc.OldestPass
		}
		out = append(out, authres.ARC(string(f.arc.Status), oldest, peer))
	}
	signatures := make([]authres.Signature, len(f.dkim))
	for i, r := range f.dkim {
		signatures[i] = authres.Signature{Status: string(r.Status), Domain: r.Domain, Selector: r.Selector,
			Algorithm: r.Algorithm, Data: r.B, Identity: r.Identity, Reason: r.Reason}
	}
	return append(out, authres.DKIM(signatures...)...)
}
