package mail

import "time"

// Certificate is a name that has or waits for a certificate of an authority
// (table certificates). Without one, IssuedAt and what belongs to it are zero.
type Certificate struct {
	Name string // A-label
	// Sealed is the chain, leaf first, and the private key, PEM one after the
	// other, under the master key (internal/secret, table "certificates", row
	// Name). Lists leave it nil.
	Sealed    []byte
	Directory string // ACME directory that it came from
	Issuer    string // common name
	NotBefore time.Time
	NotAfter  time.Time
	IssuedAt  time.Time // when it was stored

	Error        string // of the last attempt; "" when it went well
	Failures     int    // attempts since the last success
	FailedAt     time.Time
	RetryAt      time.Time // no attempt before
	RenewAskedAt time.Time // zero: nobody asked
}

// ACMEFile describes one value that the ACME client keeps (table acme_files).
type ACMEFile struct {
	Path      string // components separated by "/"
	UpdatedAt time.Time
}

// TicketKey is the key of TLS session tickets of one day (table ticket_keys).
type TicketKey struct {
	Day time.Time // midnight UTC
	// Sealed is 32 random octets under the master key (internal/secret, table
	// "ticket_keys", row SecretRow).
	Sealed []byte
}

// SecretRow names the key to internal/secret.
func (k TicketKey) SecretRow() string { return k.Day.UTC().Format(time.DateOnly) }
