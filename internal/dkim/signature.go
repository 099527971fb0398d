package dkim

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"

	"postroom/internal/address"
	"postroom/internal/dkim/sig"
	"postroom/internal/message"
)

// maxIdentity bounds i=, in octets.
const maxIdentity = 512

// signature is a DKIM-Signature field. bad says why it is not to be tested.
type signature struct {
	*sig.Signature
	identity string // i=
	iDomain  string // its domain, A-labels
	bad      *sig.Failure
}

// read does RFC 6376 §6.1.1.
func read(f message.Field, now time.Time) *signature {
	s := &signature{}
	s.Signature, s.bad = sig.Parse(f, 0)
	if s.bad != nil {
		return s
	}
	for _, step := range []func() *sig.Failure{s.version, s.ReadBody, s.readIdentity, s.covers, s.domain} {
		if s.bad = step(); s.bad != nil {
			return s
		}
	}
	s.bad = s.InTime(now)
	return s
}

func (s *signature) version() *sig.Failure {
	switch v, ok := s.Tags.Get("v"); {
	case !ok:
		return sig.NewFailure(sig.PermError, "required tag missing")
	case v != "1":
		return sig.NewFailure(sig.Neutral, "unknown version")
	}
	return nil
}

// readIdentity reads i=, which is in or below d= (RFC 6376 §3.5, §6.1.1).
func (s *signature) readIdentity() *sig.Failure {
	s.identity, s.iDomain = "@"+s.Domain, s.Domain
	raw, ok := s.Tags.Get("i")
	if !ok {
		return nil
	}
	i, ok := unquote(raw)
	at := strings.LastIndexByte(i, '@')
	if !ok || at < 0 || len(i) > maxIdentity {
		return sig.NewFailure(sig.Neutral, "i= is no identity")
	}
	domain, err := address.Domain(i[at+1:])
	if err != nil {
		return sig.NewFailure(sig.Neutral, "i= is no identity")
	}
	if domain != s.Domain && !strings.HasSuffix(domain, "."+s.Domain) {
		return sig.NewFailure(sig.PermError, "i= is not within d=")
	}
	s.identity, s.iDomain = i[:at+1]+domain, domain
	return nil
}

// unquote decodes dkim-quoted-printable (RFC 6376 §2.11); UTF-8 may stand
// unquoted (RFC 8617 §4.1.4). The result is UTF-8 without control characters.
func unquote(s string) (string, bool) {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t', '\r', '\n':
		case '=':
			if i+2 >= len(s) || unhex(s[i+1]) < 0 || unhex(s[i+2]) < 0 {
				return "", false
			}
			out = append(out, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return string(out), utf8.Valid(out) && !strings.ContainsFunc(string(out), unicode.IsControl)
}

func unhex(c byte) int { return strings.IndexByte("0123456789ABCDEF", c) }

// covers refuses a signature that leaves From out (RFC 6376 §5.4, §6.1.1).
func (s *signature) covers() *sig.Failure {
	if !slices.Contains(s.Names, "from") {
		return sig.NewFailure(sig.PermError, "From not signed")
	}
	return nil
}

// domain refuses a d= under which many register (RFC 6376 §6.1.1: "com" and
// "co.uk"). Suffixes that a company runs for its users may sign.
func (s *signature) domain() *sig.Failure {
	if suffix, icann := publicsuffix.PublicSuffix(s.Domain); icann && suffix == s.Domain {
		return sig.NewFailure(sig.Policy, "d= is a public suffix")
	}
	return nil
}
