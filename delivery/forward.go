package delivery

import (
	"context"
	"crypto/rsa"
	"strings"

	"postroom/internal/arc"
)

// seals tells that a message from outside is forwarded and that there may be a
// key to seal it with.
func (m *Incoming) seals() bool {
	return m.checks != nil && m.d.signer != nil && len(m.route.forwards) > 0 && len(m.head) <= maxHeader
}

// seal gives the ARC set of a forwarded message whose header is prefix and
// what was received. Mail goes on without one where it cannot be made: a seal
// helps it to arrive and is no condition. So it does when the keys of its chain
// do not answer, since a seal that says cv=fail would end a chain that may be
// good (RFC 8617 §5.2.1).
func (m *Incoming) seal(ctx context.Context, prefix, results string) string {
	if m.checks == nil || !m.checks.sealable {
		return ""
	}
	set, err := m.sealed(ctx, prefix, m.checks.found.arc, results)
	if err != nil {
		m.d.log.WarnContext(ctx, "forwarded without an ARC seal", "id", m.trace, "error", err)
	}
	return set
}

// sealed makes the set. results is our Authentication-Results field.
func (m *Incoming) sealed(ctx context.Context, prefix string, chain arc.Result, results string) (string, error) {
	if chain.Temporary {
		return "", nil
	}
	domain := m.route.forwards[0].Domain
	keys, err := m.d.signer.SigningKeys(ctx, domain)
	if err != nil {
		return "", err
	}
	for _, k := range keys {
		if _, ok := k.Key.Public().(*rsa.PublicKey); !ok {
			continue // a set has one signature, and not everybody verifies Ed25519
		}
		s := arc.Sealer{Signer: arc.Signer{Domain: domain, Selector: k.Selector}, Key: k.Key, AuthServID: m.d.cfg.Hostname}
		_, told, _ := strings.Cut(results, ";")
		return s.Seal(append([]byte(prefix), m.head...), &m.checks.bodies, chain, strings.TrimSpace(told), m.d.cfg.Now())
	}
	return "", nil
}
