package sig

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
)

var errKey = errors.New("not a key that signs mail")

// AlgorithmOf gives the a= of a key: an RSA key of 1024 bits or more (RFC 8301
// §3.2) or an Ed25519 key.
func AlgorithmOf(key crypto.Signer) (string, error) {
	switch pub := key.Public().(type) {
	case *rsa.PublicKey:
		if pub.N.BitLen() >= minRSABits {
			return "rsa-sha256", nil
		}
	case ed25519.PublicKey:
		return "ed25519-sha256", nil
	}
	return "", errKey
}

// Sign gives the b= for what was hashed, on one line. Nothing is drawn: both
// algorithms are deterministic.
func Sign(key crypto.Signer, hashed []byte) (string, error) {
	digest := sha256.Sum256(hashed)
	opts := crypto.SignerOpts(crypto.SHA256)
	if _, ok := key.Public().(ed25519.PublicKey); ok {
		opts = crypto.Hash(0) // RFC 8463 §3: PureEdDSA over the hash
	}
	b, err := key.Sign(nil, digest[:], opts)
	return base64.StdEncoding.EncodeToString(b), err
}
