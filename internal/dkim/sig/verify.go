package sig

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"

	"postroom/internal/dkim/canon"
)

// HeaderDigest hashes the fields that h= names and then the signature's own
// field (RFC 6376 §3.7, hash step 2).
func (s *Signature) HeaderDigest(h *canon.Header) []byte {
	hash := sha256.New()
	h.WriteSigned(hash, s.Names, s.Field, s.Header)
	hash.Write(s.AppendSelf(nil, s.Header))
	return hash.Sum(nil)
}

// AppendSelf appends the signature's own field as it is hashed: canonical, b=
// empty, without the CRLF at its end.
func (s *Signature) AppendSelf(dst []byte, k canon.Kind) []byte {
	from, to := s.Tags.Span("b")
	return canon.AppendSelf(dst, s.Field, s.value+from, s.value+to, k)
}

// CheckBody compares the body with bh= (RFC 6376 §6.1.3 steps 1 to 3). The
// hash of s.Body and s.Limit has been asked of bodies.
func (s *Signature) CheckBody(bodies *canon.Bodies) *Failure {
	digest, ok := bodies.Digest(s.Body, s.Limit)
	switch {
	case !ok:
		return NewFailure(Fail, "body shorter than l=")
	case !bytes.Equal(digest[:], s.BodyHash):
		return NewFailure(Fail, "body hash did not verify")
	}
	return nil
}

// Unsigned gives how many octets of the canonical body l= leaves out.
func (s *Signature) Unsigned(bodies *canon.Bodies) int64 {
	if s.Limit == canon.NoLimit {
		return 0
	}
	return max(0, bodies.Size(s.Body)-s.Limit)
}

// Verify checks a signature over digest with the key that was fetched for it.
// The record is that of the key which verified or, failing that, the last that
// was tried; nil when there is none.
func (k Keys) Verify(s *Signature, digest []byte) (*Record, *Failure) {
	a, ok := k[s.KeyName()]
	if !ok {
		return nil, NewFailure(TempError, "key was not looked up")
	}
	bad := a.failure
	var tried *Record
	for _, r := range a.records {
		tried, bad = r, r.check(s, digest)
		if bad == nil {
			break
		}
	}
	return tried, bad
}

func (r *Record) check(s *Signature, digest []byte) *Failure {
	if bad := r.fits(s.Algorithm); bad != nil {
		return bad
	}
	good := false
	switch key := r.Key.(type) {
	case *rsa.PublicKey:
		good = rsa.VerifyPKCS1v15(key, crypto.SHA256, digest, s.b) == nil
	case ed25519.PublicKey:
		good = ed25519.Verify(key, digest, s.b)
	}
	if !good {
		return NewFailure(Fail, "signature did not verify")
	}
	return nil
}
