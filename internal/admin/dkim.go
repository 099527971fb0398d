package admin

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
	"postroom/internal/secret"
	"postroom/internal/zone"
)

// rsaBits is the size of RSA keys: RFC 8301 §3.2 asks for 2048, and a larger
// public key does not fit DNS over UDP everywhere.
const rsaBits = 2048

// DKIMKey is a signing key as it is shown: never its secret part.
type DKIMKey struct {
	Selector  string      `json:"selector"`
	Algorithm string      `json:"algorithm"` // "rsa" or "ed25519"
	CreatedAt time.Time   `json:"created_at,omitzero"`
	RetiredAt *time.Time  `json:"retired_at,omitempty"`
	Record    zone.Record `json:"record"`
}

func showKey(k mail.DKIMKey) DKIMKey {
	return DKIMKey{Selector: k.Selector, Algorithm: k.Algorithm, CreatedAt: k.CreatedAt, RetiredAt: at(k.RetiredAt),
		Record: zone.DKIMRecord(k)}
}

// makeKeys makes an RSA and an Ed25519 key of a domain, sealed, with selectors
// that are not among those taken.
func (a *Admin) makeKeys(domain string, key *secret.Key, taken []mail.DKIMKey) ([]mail.DKIMKey, error) {
	var keys []mail.DKIMKey
	for _, algorithm := range []string{mail.DKIMRSA, mail.DKIMEd25519} {
		private, public, err := a.makeKey(algorithm)
		if err != nil {
			return nil, mail.Wrap(mail.CodeInternal, err, "no DKIM key could be made")
		}
		k := mail.DKIMKey{Domain: domain, Selector: a.selector(algorithm, taken), Algorithm: algorithm, Public: public}
		k.Sealed = key.Seal("domain_keys", k.SecretRow(), private)
		keys = append(keys, k)
	}
	return keys, nil
}

// makeKey gives the private key as PKCS #8 DER and the octets of the p= tag:
// for RSA a SubjectPublicKeyInfo, as all the world publishes and reads it
// (RFC 6376 §3.6.1 with erratum 3017), for Ed25519 the bare 32 octets
// (RFC 8463 §4).
func (a *Admin) makeKey(algorithm string) (private, public []byte, err error) {
	random := a.Rand
	if random == nil {
		random = rand.Reader
	}
	if algorithm == mail.DKIMEd25519 {
		pub, priv, err := ed25519.GenerateKey(random)
		if err != nil {
			return nil, nil, err
		}
		private, err = x509.MarshalPKCS8PrivateKey(priv)
		return private, pub, err
	}
	priv, err := rsa.GenerateKey(random, rsaBits)
	if err != nil {
		return nil, nil, err
	}
	if private, err = x509.MarshalPKCS8PrivateKey(priv); err != nil {
		return nil, nil, err
	}
	public, err = x509.MarshalPKIXPublicKey(&priv.PublicKey)
	return private, public, err
}

// selector makes a name that tells algorithm and day: "r20250131", and
// "r20250131b" for the second of a day.
func (a *Admin) selector(algorithm string, taken []mail.DKIMKey) string {
	base := algorithm[:1] + a.Now().UTC().Format("20060102")
	name := base
	for n := 'b'; ; n++ {
		free := true
		for _, k := range taken {
			free = free && k.Selector != name
		}
		if free || n > 'z' {
			return name
		}
		name = base + string(n)
	}
}

// DKIMKeys lists the keys of a domain, retired ones too.
func (a *Admin) DKIMKeys(ctx context.Context, domain string) ([]DKIMKey, error) {
	d, err := domainName(domain)
	if err != nil {
		return nil, err
	}
	if _, err := a.Store.Domain(ctx, d); err != nil {
		return nil, err
	}
	keys, err := a.Store.DKIMKeys(ctx, d)
	if err != nil {
		return nil, err
	}
	out := make([]DKIMKey, len(keys))
	for i, k := range keys {
		out[i] = showKey(k)
	}
	return out, nil
}

// RenewDKIM makes new keys for a domain. With retire the old ones stop signing
// at once; publish the new records first, or their signatures fail.
func (a *Admin) RenewDKIM(ctx context.Context, domain string, retire bool) ([]DKIMKey, error) {
	d, err := domainName(domain)
	if err != nil {
		return nil, err
	}
	key, err := a.key()
	if err != nil {
		return nil, err
	}
	old, err := a.Store.DKIMKeys(ctx, d)
	if err != nil {
		return nil, err
	}
	keys, err := a.makeKeys(d, key, old)
	if err != nil {
		return nil, err
	}
	if err := a.Store.AddDKIMKeys(ctx, a.Actor, d, keys, key.Fingerprint(), retire); err != nil {
		return nil, err
	}
	out := make([]DKIMKey, len(keys))
	for i, k := range keys {
		out[i] = showKey(k)
	}
	return out, nil
}

// RetireDKIM ends signing with one key.
func (a *Admin) RetireDKIM(ctx context.Context, domain, selector string) error {
	d, err := domainName(domain)
	if err != nil {
		return err
	}
	keys, err := a.Store.DKIMKeys(ctx, d)
	if err != nil {
		return err
	}
	others := 0
	for _, k := range keys {
		if k.RetiredAt.IsZero() && k.Selector != selector {
			others++
		}
	}
	if others == 0 && len(keys) > 0 {
		return &mail.Error{Code: mail.CodeInUse, Text: "that is the last key " + address.DisplayDomain(d) + " signs with",
			Hint: "make new ones first: postroom dkim renew"}
	}
	return a.Store.RetireDKIMKey(ctx, a.Actor, d, selector)
}
