package acme

import (
	"encoding/base64"
	"errors"
	"regexp"

	mdns "github.com/miekg/dns"
)

// TSIGKey signs updates; the zero key signs none.
type TSIGKey struct {
	Name      string // FQDN
	Algorithm string // FQDN, as "hmac-sha256."
	Secret    string // Base64
}

var (
	keyName      = regexp.MustCompile(`(?m)^\s*key\s+"?([A-Za-z0-9._-]+)"?\s*\{`)
	keyAlgorithm = regexp.MustCompile(`\balgorithm\s+"?(hmac-sha(?:1|224|256|384|512))"?\s*;`)
	keySecret    = regexp.MustCompile(`\bsecret\s+"?([A-Za-z0-9+/=]+)"?\s*;`)
)

// ParseTSIGKey reads the key statement that BIND's tsig-keygen prints.
func ParseTSIGKey(file []byte) (TSIGKey, error) {
	name, algorithm, secret := keyName.FindSubmatch(file), keyAlgorithm.FindSubmatch(file), keySecret.FindSubmatch(file)
	if name == nil || algorithm == nil || secret == nil {
		return TSIGKey{}, errors.New(`no TSIG key as tsig-keygen prints it: key "name" { algorithm hmac-sha256; secret "…"; };`)
	}
	if _, err := base64.StdEncoding.DecodeString(string(secret[1])); err != nil {
		return TSIGKey{}, errors.New("the secret of the TSIG key is no Base64")
	}
	return TSIGKey{mdns.CanonicalName(string(name[1])), mdns.CanonicalName(string(algorithm[1])), string(secret[1])}, nil
}
