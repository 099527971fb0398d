package delivery

import (
	"net/netip"

	"postroom/internal/authres"
	"postroom/internal/dkim/sig"
)

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
