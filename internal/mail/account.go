package mail

import (
	"slices"
	"time"
)

// AccountRecord is an account as log-in and sessions see it (table accounts).
type AccountRecord struct {
	ID            AccountID
	Address       Address  // primary address, as the administrator spelled it
	Name          string   // display name; may be empty
	QuotaBytes    int64    // 0: no quota
	QuotaMessages int64    // 0: no quota of messages
	IMAPWithout   []string // capabilities not offered: NAME or NAME:client
	Admin         bool     // may set the quotas of others
	Disabled      bool     // takes no mail and no log-in
	Deleted       bool     // in the restore window; as if it were not there
	ChangeSeq     int64    // grows with names, subscriptions, rights and credentials
}

// The kinds of credentials.
const (
	CredentialPassword = "password" // chosen by a person: argon2id
	CredentialApp      = "app"      // 128 random bits, one per device
)

// CredentialRecord is one way to log in (table credentials).
type CredentialRecord struct {
	ID         CredentialID
	Account    AccountID
	Kind       string // CredentialPassword or CredentialApp
	Label      string // what the person calls it: "phone"
	Prefix     string // public part of an app password, by which it is found
	Hash       string // argon2id PHC string; for an app password hex SHA-256
	Scram      string // SCRAM-SHA-256 keys, 'iter:salt:stored:server'; "" when none
	CreatedAt  time.Time
	LastUsedAt time.Time // zero: never
}

// AccountState tells a live session whether it may go on.
type AccountState struct {
	ChangeSeq int64
	Disabled  bool
	Deleted   bool
	// Credentials holds the ids that are still valid, ascending.
	Credentials []CredentialID
	IMAPWithout []string // as in AccountRecord
}

// Allows tells whether a session that logged in with c may go on. 0 stands for
// a token or a certificate, which ends with the account only.
func (s AccountState) Allows(c CredentialID) bool {
	if s.Disabled || s.Deleted {
		return false
	}
	_, ok := slices.BinarySearch(s.Credentials, c)
	return ok || c == 0
}

// ResolutionKind tells what an address is to this instance.
type ResolutionKind int

// The kinds of resolutions.
const (
	// ResolvedNotOurs: the domain is not served here; relay, or refuse.
	ResolvedNotOurs ResolutionKind = iota
	// ResolvedUnknown: a domain of ours, but nobody there (550 5.1.1). Also an
	// account in its restore window, and an alias that leads to nobody.
	ResolvedUnknown
	// ResolvedDisabled: an account of ours that takes no mail now, or an alias
	// that leads to such accounts only.
	ResolvedDisabled
	// ResolvedLocal: exactly one account, by one of its own addresses.
	ResolvedLocal
	// ResolvedAlias: an alias or catch-all, expanded.
	ResolvedAlias
)

// String names the kind for logs.
func (k ResolutionKind) String() string {
	switch k {
	case ResolvedNotOurs:
		return "not-ours"
	case ResolvedUnknown:
		return "unknown"
	case ResolvedDisabled:
		return "disabled"
	case ResolvedLocal:
		return "local"
	case ResolvedAlias:
		return "alias"
	}
	return "invalid"
}

// Resolution is what store.ResolveRecipient answers for one recipient.
type Resolution struct {
	Kind     ResolutionKind
	Accounts []LocalTarget // each account once; disabled ones are left out
	Remote   []Address     // outside targets of an alias, each once
	// Truncated tells that the expansion met a limit (depth or number): the
	// recipient must be refused for now, or some people would get nothing.
	Truncated bool
}

// LocalTarget is one account that gets the message.
type LocalTarget struct {
	Account AccountID
	// Address is the one that led here, with its +tag: for Delivered-To.
	Address    Address
	Tag        string // of user+tag; "" when none
	QuotaBytes int64  // 0: no quota
	UsedBytes  int64  // live octets now
	Full       bool   // as many messages as its quota allows
}

// OverQuota tells whether a message of size octets does not fit. A size of 0
// asks whether the account is full already.
func (t LocalTarget) OverQuota(size int64) bool {
	if t.Full || t.QuotaBytes == 0 {
		return t.Full
	}
	return t.UsedBytes >= t.QuotaBytes || t.UsedBytes+size > t.QuotaBytes
}
