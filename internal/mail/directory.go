package mail

import (
	"encoding/json"
	"time"
)

// Actor names who changes something, for audit_log: "cli:root",
// "admin:alice@example.test", "system". Never empty.
type Actor string

// ActorSystem acts when nobody asked: first start, sweeps.
const ActorSystem Actor = "system"

// NewAccount is what CreateAccount writes.
type NewAccount struct {
	Address      Address
	Name         string
	QuotaBytes   int64  // 0: none
	PasswordHash string // argon2id PHC string; "" for an account without a password
	// PasswordScram holds the password's SCRAM-SHA-256 keys; "" when none are kept.
	PasswordScram string
}

// AccountFilter selects accounts; zero fields select all.
type AccountFilter struct {
	Domain  string // A-label, of the primary address
	Deleted bool   // also those in the restore window
}

// AccountListing is an account as an administrator sees it.
type AccountListing struct {
	AccountRecord
	Addresses   []Address // all of its own, the primary one first
	Usage       AccountUsage
	CreatedAt   time.Time
	DisabledAt  time.Time // zero: not disabled
	DeletedAt   time.Time // zero: not deleted
	HasPassword bool
	Apps        int // valid app passwords
}

// AccountUsage is what an account holds (view account_totals, table expunged).
type AccountUsage struct {
	LiveBytes int64
	HeldBytes int64 // expunged, still restorable
	Messages  int64
}

// Alias is a local address that leads to others (tables addresses and
// alias_targets). Local "" is the domain's catch-all.
type Alias struct {
	Domain    string // A-label
	Local     string // as spelled; "" for the catch-all
	Targets   []Address
	CreatedAt time.Time
}

// Address gives the alias's address; the catch-all has no local part.
func (a Alias) Address() Address { return Address{Local: a.Local, Domain: a.Domain} }

// DomainListing is a domain as an administrator sees it.
type DomainListing struct {
	DomainRecord
	Accounts int64 // without deleted ones
	Aliases  int64
	CatchAll []Address // where mail for unknown local parts goes; nil: refused
	Keys     []DKIMKey
}

// Setting is one row of settings: a name and a JSON value.
type Setting struct {
	Name      string
	Value     json.RawMessage
	UpdatedAt time.Time
}

// AuditRecord is one administrative action (table audit_log).
type AuditRecord struct {
	ID     int64
	At     time.Time
	Actor  Actor
	Action string // "account.create"
	Target string // the address, domain … it was done to
	Detail json.RawMessage
}

// TraceQuery finds messages for `postroom trace`. At least one of Recipient,
// Sender and MessageID is set; all that are set must match.
type TraceQuery struct {
	Recipient string // address, compared without case
	Sender    string // reverse-path, compared without case
	MessageID string // with or without <>
	Since     time.Time
	Until     time.Time // zero: now
	Limit     int       // 0: 100; newest first
}

// TraceHit is one message found.
type TraceHit struct {
	Trace   TraceID
	FirstAt time.Time // of its first event
	LastAt  time.Time // of its last event
	Last    EventKind
	Text    string // of its first event
}
