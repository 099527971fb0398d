package mail

import (
	"net/netip"
	"time"
)

// SenderRule is an entry of the administrator's allow and block lists (table
// sender_rules). It fits a peer and reverse-path when all that it names fits.
type SenderRule struct {
	// Account is whose mail it holds for; 0: that of Domain (A-label), or with
	// "" everybody's.
	Account AccountID
	Domain  string
	Network netip.Prefix // of the peer; the zero Prefix: any
	// Sender is a reverse-path as local@domain in lower case, or a domain with
	// all below it; "": any.
	Sender    string
	Allow     bool
	Note      string
	CreatedAt time.Time
}

// RuleNetwork tells the networks that a SenderRule may name: IPv4 of 8 bits and
// more, IPv6 from /16 to /64 and single addresses. A look-up asks for each.
func RuleNetwork(p netip.Prefix) bool {
	if p.Addr().Is4() {
		return p.Bits() >= 8
	}
	return p.Bits() >= 16 && p.Bits() <= 64 || p.Bits() == 128
}

// GreylistTry is one try of a peer that must come again before it is believed
// (table greylist).
type GreylistTry struct {
	Network []byte // key of the peer's network
	Triplet []byte // key of network, reverse-path and recipient
	Now     time.Time
	Wait    time.Duration // from the first try to one that passes
	Window  time.Duration // within which the second must come
	Good    time.Duration // for which what passed is believed after its last mail
}

// RejectAction is what became of mail that did not reach the INBOX.
type RejectAction string

// The actions.
const (
	RejectRefused    RejectAction = "refused"
	RejectJunked     RejectAction = "junked"
	RejectGreylisted RejectAction = "greylisted" // told to come again
)

// Reject is a line of an account's Rejects view (table rejects). Equal ones
// are one line with a Count.
type Reject struct {
	Account AccountID
	ID      int64
	At      time.Time // of the last one
	Count   int
	Network netip.Prefix // of the peer
	Sender  Address      // reverse-path
	From    string       // header fields as a person reads them; "" when not known
	Subject string
	Action  RejectAction
	Reason  string
	Trace   TraceID // 0 where there was no message yet
}

// PeerCount is what one subject did within an hour (table peer_hours). A
// subject is a peer's address, its network, the domain of a reverse-path, or an
// account that gets mail.
type PeerCount struct {
	Subject    string
	Messages   int
	Recipients int
	Refused    int // recipients
}
