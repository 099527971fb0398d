package sig

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"slices"
)

// Bounds on what the DNS may say.
const (
	maxRecord  = 8 << 10 // octets of a key record
	minRSABits = 1024    // RFC 8301 §3.2
	maxRSABits = 8192    // RFC 8301 §3.2 asks for 4096; beyond this a key costs too much
)

// Record is a key record of RFC 6376 §3.6.1.
type Record struct {
	Key     any // *rsa.PublicKey or ed25519.PublicKey; nil when revoked
	Testing bool
	Strict  bool // t=s: the domain of i= must be that of d=

	kind    string   // k=
	hashes  []string // h=; nil: all
	service bool     // s= allows mail
}

// ParseRecord reads the text of a TXT record, its strings joined.
func ParseRecord(txt string) (*Record, *Failure) {
	if len(txt) > maxRecord {
		return nil, NewFailure(PermError, "key record too large")
	}
	tags, err := ParseTags(txt)
	if err != nil {
		return nil, NewFailure(PermError, "key record syntax")
	}
	if v, ok := tags.Get("v"); ok && (v != "DKIM1" || tags.First != "v") {
		return nil, NewFailure(PermError, "not a DKIM key record")
	}
	p, ok := tags.Get("p")
	if !ok {
		return nil, NewFailure(PermError, "key record without key")
	}
	r := &Record{kind: "rsa", service: true}
	if k, ok := tags.Get("k"); ok {
		r.kind = k
	}
	if h, ok := tags.Get("h"); ok {
		r.hashes = list(h)
	}
	if s, ok := tags.Get("s"); ok {
		r.service = slices.Contains(list(s), "*") || slices.Contains(list(s), "email")
	}
	if t, ok := tags.Get("t"); ok {
		r.Testing, r.Strict = slices.Contains(list(t), "y"), slices.Contains(list(t), "s")
	}
	if p == "" {
		return r, nil
	}
	return r, r.readKey(p)
}

// readKey reads p=: for RSA as everybody publishes it, in a
// SubjectPublicKeyInfo, or bare, as RFC 6376 §3.6.1 (k=) says; for Ed25519 the
// 32 octets (RFC 8463 §4.2).
func (r *Record) readKey(p string) *Failure {
	raw, ok := decode(p)
	switch {
	case !ok:
		return NewFailure(PermError, "key is not base64")
	case r.kind == "ed25519" && len(raw) == ed25519.PublicKeySize:
		r.Key = ed25519.PublicKey(raw)
		return nil
	case r.kind != "rsa":
		return NewFailure(PermError, "unknown key type or wrong key size")
	}
	key, err := x509.ParsePKCS1PublicKey(raw)
	if err != nil {
		parsed, err := x509.ParsePKIXPublicKey(raw)
		if key, ok = parsed.(*rsa.PublicKey); err != nil || !ok {
			return NewFailure(PermError, "key cannot be read")
		}
	}
	switch bits := key.N.BitLen(); {
	case bits < minRSABits:
		return NewFailure(PermError, "RSA key shorter than 1024 bits")
	case bits > maxRSABits:
		return NewFailure(Policy, "RSA key longer than 8192 bits")
	}
	r.Key = key
	return nil
}

// fits tells whether a signature's algorithm may use this key, in the order
// of RFC 6376 §6.1.2, steps 6 to 8.
func (r *Record) fits(algorithm string) *Failure {
	kind := algorithms[algorithm]
	switch {
	case r.hashes != nil && !slices.Contains(r.hashes, "sha256"):
		return NewFailure(PermError, "key is not for this hash")
	case !r.service:
		return NewFailure(PermError, "key is not for mail")
	case r.Key == nil:
		return NewFailure(PermError, "key revoked")
	case r.kind != kind:
		return NewFailure(PermError, "key is not for this algorithm")
	}
	return nil
}
