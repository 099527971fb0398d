package delivery

import (
	"context"
	"crypto/rsa"
	"strings"
	"time"

	"postroom/internal/arc"
	"postroom/internal/authres"
	"postroom/internal/dkim/canon"
	"postroom/internal/mail"
)

// chainTime bounds the look-up of a received chain's keys.
const chainTime = 5 * time.Second

// sealing gathers, while a message from outside streams by, what the ARC set
// needs that it is forwarded with. A nil one does nothing.
type sealing struct {
	bodies *canon.Bodies
	chain  *arc.Validator
}

// newSealing begins behind the header as received. It is nil where nothing is
// sealed: no forward, no key to seal with, a header that was not seen whole.
func (m *Incoming) newSealing() *sealing {
	if m.s.Role != mail.RoleMX || len(m.route.forwards) == 0 || m.d.signer == nil || m.d.cfg.Resolver == nil || len(m.head) > maxHeader {
		return nil
	}
	x := &sealing{bodies: &canon.Bodies{}}
	x.chain = arc.New(m.head, x.bodies, m.at)
	x.bodies.Want(canon.Relaxed, canon.NoLimit)
	return x
}

// write takes octets of the body.
func (x *sealing) write(p []byte) {
	if x != nil {
		_, _ = x.bodies.Write(p) // hashes: no error
	}
}

// seal gives the ARC set of a forwarded message whose header is prefix and
// what was received. Mail goes on without one where it cannot be made: a seal
// helps it to arrive and is no condition. So it does when the keys of its chain
// do not answer, since a seal that says cv=fail would end a chain that may be
// good (RFC 8617 §5.2.1).
func (m *Incoming) seal(ctx context.Context, prefix string) string {
	if m.sealing == nil {
		return ""
	}
	limited, cancel := context.WithTimeout(ctx, chainTime)
	defer cancel()
	chain := m.sealing.chain.Finish(limited, m.d.cfg.Resolver)
	results := authres.Format(m.d.cfg.Hostname, []authres.Result{authres.ARC(string(chain.Status), chain.OldestPass, m.s.Peer.Addr())}, false)
	set, err := m.sealed(ctx, prefix, chain, results)
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
		return s.Seal(append([]byte(prefix), m.head...), m.sealing.bodies, chain, strings.TrimSpace(told), m.d.cfg.Now())
	}
	return "", nil
}
