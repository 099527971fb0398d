package mail

import (
	"strconv"
	"time"
)

// DomainRecord is a mail domain served here (table domains).
type DomainRecord struct {
	ID        DomainID
	Name      string // A-label, lower case
	CreatedAt time.Time
}

// The algorithms of DKIM keys (RFC 6376 §3.3, RFC 8463).
const (
	DKIMRSA     = "rsa"
	DKIMEd25519 = "ed25519"
)

// DKIMKey is one signing key of a domain (table domain_keys).
type DKIMKey struct {
	ID        int64
	Domain    string // A-label
	Selector  string
	Algorithm string // DKIMRSA or DKIMEd25519
	// Sealed is the private key under the master key (internal/secret, table
	// "domain_keys", row "<domain>/<selector>"): PKCS #8 DER.
	Sealed    []byte
	Public    []byte // octets of the p= tag, before Base64
	CreatedAt time.Time
	RetiredAt time.Time // zero: signs
}

// SecretRow names the key to internal/secret.
func (k DKIMKey) SecretRow() string { return k.Domain + "/" + k.Selector }

// ReturnSecret signs return addresses of forwarded mail (table return_secrets).
type ReturnSecret struct {
	ID        int64
	Sealed    []byte // 32 random octets under the master key (table "return_secrets")
	CreatedAt time.Time
}

// SecretRow names the secret to internal/secret.
func (s ReturnSecret) SecretRow() string { return strconv.FormatInt(s.ID, 10) }

// How a smarthost connection is protected.
const (
	SmarthostImplicitTLS = "implicit"
	SmarthostSTARTTLS    = "starttls"
	SmarthostPlain       = "none"
)

// Smarthost is a next hop that replaces the MX look-up (table smarthosts).
type Smarthost struct {
	Domain   string // recipient domain, A-label; "" for all others
	Host     string
	Port     int
	TLS      string // SmarthostImplicitTLS, SmarthostSTARTTLS or SmarthostPlain
	Username string // "" for none
	// Sealed is the password under the master key (table "smarthosts", row
	// Domain); nil for none.
	Sealed    []byte
	UpdatedAt time.Time
}
