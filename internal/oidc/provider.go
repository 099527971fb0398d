package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// provider is what was learnt of an issuer; it does not change.
type provider struct {
	keysURL string
	keys    []jose.JSONWebKey
	algs    []string
	expires time.Time
	config  *oidc.Config
	issuer  string
}

// discover asks the issuer for its metadata and keys.
func (i *Issuer) discover(ctx context.Context) (*provider, error) {
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, i.client), i.cfg.Issuer)
	if err != nil {
		return nil, err
	}
	var metadata struct {
		Keys string   `json:"jwks_uri"`
		Algs []string `json:"id_token_signing_alg_values_supported"`
	}
	if err := found.Claims(&metadata); err != nil {
		return nil, err
	}
	p := &provider{keysURL: metadata.Keys, algs: asymmetric(metadata.Algs), issuer: i.cfg.Issuer, expires: i.cfg.Now().Add(keysFor)}
	p.config = &oidc.Config{ClientID: i.cfg.Audience, SupportedSigningAlgs: p.algs, Now: i.cfg.Now}
	p.keys, err = i.keys(ctx, p.keysURL)
	return p, err
}

// keys fetches a JWK set; keys of kinds that we do not know are left out.
func (i *Issuer) keys(ctx context.Context, url string) (out []jose.JSONWebKey, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := i.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
		return nil, fmt.Errorf("%w: %w", errFetch, err)
	}
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) == nil && k.Valid() && k.IsPublic() {
			out = append(out, k)
		}
	}
	return out, nil
}

// asymmetric leaves out what is no signature of the issuer's alone: HS256 and
// its like, and "none". Nothing left means RS256, which every issuer has.
func asymmetric(algs []string) (out []string) {
	for _, a := range algs {
		switch a {
		case oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512,
			oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA:
			out = append(out, a)
		}
	}
	if out == nil {
		out = []string{oidc.RS256}
	}
	return out
}

var errUnknownKey = errors.New("no key of the issuer fits the signature")

// verify checks signature, issuer, audience and time. errUnknownKey when a key
// that is not at hand may have signed.
func (p *provider) verify(ctx context.Context, token string) (*oidc.IDToken, error) {
	s := &signature{provider: p}
	t, err := oidc.NewVerifier(p.issuer, s, p.config).Verify(ctx, token)
	if s.unknown {
		return nil, errUnknownKey
	}
	return t, err
}

// signature is the oidc.KeySet for one token.
type signature struct {
	*provider
	unknown bool
}

// VerifySignature is oidc.KeySet's; the algorithm has been checked.
func (s *signature) VerifySignature(_ context.Context, token string) ([]byte, error) {
	var algs []jose.SignatureAlgorithm
	for _, a := range s.algs {
		algs = append(algs, jose.SignatureAlgorithm(a))
	}
	jws, err := jose.ParseSigned(token, algs)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, errors.New("malformed token")
	}
	id := jws.Signatures[0].Header.KeyID
	for _, k := range s.keys {
		if id != "" && k.KeyID != id {
			continue
		}
		if payload, err := jws.Verify(k); err == nil {
			return payload, nil
		}
	}
	s.unknown = true
	return nil, errUnknownKey
}
