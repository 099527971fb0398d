package arc

import (
	"slices"
	"time"

	"postroom/internal/dkim/sig"
)

// signature is an ARC-Message-Signature or an ARC-Seal. bad says why it cannot
// be verified.
type signature struct {
	*sig.Signature
	bad *sig.Failure
}

func parse(p placed) *signature {
	s := &signature{}
	s.Signature, s.bad = sig.Parse(p.Field, p.rest)
	return s
}

func (s *signature) signer() Signer { return Signer{s.Domain, s.Selector} }

// open reads what a message signature has beside a seal's tags: it is a
// DKIM-Signature without v= and i=, and signs no ARC field (RFC 8617 §4.1.2).
func (s *signature) open(now time.Time) {
	if s.bad == nil {
		s.bad = s.ReadBody()
	}
	if s.bad != nil {
		return
	}
	arc := func(name string) bool { return name == aarName || name == amsName || name == asName }
	switch {
	case !slices.Contains(s.Names, "from"):
		s.bad = sig.NewFailure(sig.Fail, "From not signed")
	case slices.ContainsFunc(s.Names, arc):
		s.bad = sig.NewFailure(sig.Fail, "signs ARC fields")
	default:
		s.bad = s.InTime(now)
	}
}
