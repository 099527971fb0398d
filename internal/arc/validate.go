package arc

import (
	"context"
	"crypto/sha256"
	"hash"

	"postroom/internal/dkim/canon"
	"postroom/internal/dkim/sig"
)

// validate does steps 4 to 6 of RFC 8617 §5.2 and gives the oldest-pass value.
func (v *Validator) validate(ctx context.Context, r sig.Resolver) (oldest int, bad *sig.Failure) {
	keys := sig.Keys{}
	n := len(v.sets)
	newest := v.sets[n-1].ams
	if newest.bad == nil {
		keys.Fetch(ctx, r, []string{newest.KeyName()})
	}
	if bad := v.message(newest, keys); bad != nil {
		return 0, at("message signature", n, bad)
	}
	keys.Fetch(ctx, r, v.names())
	for oldest = n - 1; oldest > 0; oldest-- {
		if v.message(v.sets[oldest-1].ams, keys) != nil {
			oldest++
			break
		}
	}
	digests := sealDigests(v.sets)
	for i := n; i >= 1; i-- {
		if bad := verify(v.sets[i-1].as, digests[i-1], keys); bad != nil {
			return 0, at("seal", i, bad)
		}
	}
	return oldest, nil
}

// names gives the names of all keys but those of message signatures that
// cannot verify anyway.
func (v *Validator) names() (names []string) {
	for _, s := range v.sets {
		names = append(names, s.as.KeyName())
		if s.ams.bad == nil {
			names = append(names, s.ams.KeyName())
		}
	}
	return names
}

// message verifies a message signature. All of the body must be signed.
func (v *Validator) message(s *signature, keys sig.Keys) *sig.Failure {
	if s.bad != nil {
		return s.bad
	}
	if bad := verify(s, s.HeaderDigest(v.header), keys); bad != nil {
		return bad
	}
	if bad := s.CheckBody(v.bodies); bad != nil {
		return bad
	}
	if s.Unsigned(v.bodies) > 0 {
		return sig.NewFailure(sig.Fail, "l= leaves a part of the body unsigned")
	}
	return nil
}

// verify checks a signature with its key. What a key for testing signs counts
// as not signed (RFC 6376 §3.6.1, t=y).
func verify(s *signature, digest []byte, keys sig.Keys) *sig.Failure {
	record, bad := keys.Verify(s.Signature, digest)
	if bad == nil && record.Testing {
		return sig.NewFailure(sig.Fail, "the key is for testing")
	}
	return bad
}

// sealDigests gives what each seal signs: the sets up to its own, each as AAR,
// AMS and AS, relaxed, its own AS with an empty b= (RFC 8617 §5.1.1). One hash
// runs along the chain.
func sealDigests(sets []*set) [][]byte {
	along := sha256.New()
	var out [][]byte
	for _, s := range sets {
		along.Write(before(s))
		own := fork(along)
		own.Write(s.as.AppendSelf(nil, canon.Relaxed))
		out = append(out, own.Sum(nil))
		along.Write(canon.AppendField(nil, s.as.Field.Raw, canon.Relaxed))
	}
	return out
}

// before gives what of a set is hashed before its seal.
func before(s *set) []byte {
	b := canon.AppendField(nil, s.aar.Raw, canon.Relaxed)
	return canon.AppendField(b, s.ams.Field.Raw, canon.Relaxed)
}

// fork copies a running hash.
func fork(h hash.Hash) hash.Hash {
	c, err := h.(hash.Cloner).Clone()
	if err != nil {
		panic("arc: SHA-256 cannot be copied: " + err.Error())
	}
	return c
}
