package dkim

import "postroom/internal/dkim/sig"

// result tests a signature with the keys at hand (RFC 6376 §6.1.2, §6.1.3).
func (v *Verifier) result(s *signature, keys sig.Keys) Result {
	r := Result{Identity: s.identity}
	if s.Signature != nil {
		r.Domain, r.Selector = s.Domain, s.Selector
		r.Algorithm = known(s.Algorithm)
		r.B = prefix(s.B)
	}
	bad := s.bad
	if bad == nil {
		bad = v.test(s, keys, &r)
	}
	if r.Testing {
		bad = inTest(bad)
	}
	if bad == nil {
		r.Status = sig.Pass
		return r
	}
	r.Status, r.Reason = bad.Status, bad.Reason
	return r
}

func (v *Verifier) test(s *signature, keys sig.Keys, r *Result) *sig.Failure {
	record, bad := keys.Verify(s.Signature, s.HeaderDigest(v.header))
	if record != nil {
		r.Testing, r.Strict = record.Testing, record.Strict
	}
	if body := s.CheckBody(v.bodies); body != nil && (bad == nil || bad.Status == sig.Fail) {
		bad = body
	}
	if bad != nil {
		return bad
	}
	if r.Strict && s.iDomain != s.Domain { // RFC 6376 §3.6.1, t=s; §3.10
		return sig.NewFailure(sig.PermError, "key is not for subdomains")
	}
	if r.Unsigned = s.Unsigned(v.bodies); r.Unsigned > 0 { // RFC 6376 §6.1.3, §8.2
		return sig.NewFailure(sig.Policy, "l= leaves a part of the body unsigned")
	}
	return nil
}

// inTest makes a signature that fails count as none: a domain that tests its
// keys must not fare worse than one that does not sign (RFC 6376 §3.6.1, t=y),
// which is what Neutral tells (RFC 8601 §2.7.1).
//
// Deviation: one that passes is a Pass. §3.6.1 wants it treated as unsigned
// too; but domains forget the flag in their records for years, all large
// receivers take their signatures, and their mail would fail DMARC here alone.
func inTest(bad *sig.Failure) *sig.Failure {
	if bad == nil || bad.Status == sig.TempError {
		return bad
	}
	return sig.NewFailure(sig.Neutral, bad.Reason+", and the key is for testing")
}

func known(algorithm string) string {
	switch algorithm {
	case "rsa-sha256", "ed25519-sha256", "rsa-sha1":
		return algorithm
	}
	return ""
}

// prefix gives b= as far as it is base64, and at most maxB characters.
func prefix(b string) string {
	for i := range len(b) {
		c := b[i]
		alnum := 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
		if i == maxB || !alnum && c != '+' && c != '/' && c != '=' {
			return b[:i]
		}
	}
	return b
}

// maxB holds the signature of an RSA key of 8,192 bits.
const maxB = 1368
