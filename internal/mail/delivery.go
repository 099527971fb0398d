package mail

import "time"

// Delivery is everything one accepted message changes, written by
// store.Deliver in one transaction: octets, mailbox rows, queue entries,
// events, the record that recognises a retry.
type Delivery struct {
	Trace   TraceID
	Content Content
	Summary Summary
	Locals  []LocalDelivery
	// Relay holds the recipients that leave; Outbound what they share.
	Outbound Outbound
	Relay    []Recipient
	Events   []Event
	// Sending counts a submission for its account's limits; nil: not one.
	Sending *Sending
	// Fingerprint recognises a retry of a message whose 250 the peer never
	// read (ARCHITECTURE.md, invariants); nil when it must not be recognised.
	Fingerprint []byte
}

// LocalDelivery puts the message into one mailbox.
type LocalDelivery struct {
	Account AccountID
	// Mailbox is the target; 0 means INBOX.
	Mailbox MailboxID
	// Junk files into the mailbox with the use \Junk instead, where the account
	// has one, and Why says why, for the events.
	Junk bool
	Why  string
	// Prefix is this recipient's own trace (Return-Path, Delivered-To,
	// Received …), complete lines with CRLF, served before the octets.
	Prefix    []byte
	Flags     Flags
	Keywords  []string
	Received  time.Time // INTERNALDATE
	Recipient Address   // for the events
}

// Outbound is what all queue entries of one message share.
type Outbound struct {
	From     Address // reverse-path; null for "<>"
	Account  AccountID
	Prefix   []byte // Received, DKIM-Signature, completed fields; before the octets
	Ret      Return
	EnvID    string
	UTF8     bool // needs SMTPUTF8 at the next hop
	Body8Bit bool // holds 8-bit octets
	Expires  time.Time
	Held     bool // enters the queue held
	// Wait is how long after the commit the first entry is due, Step the time
	// from each entry to the next: paced mail.
	Wait, Step time.Duration
	Why        string // why the entries are held or wait; "" otherwise
}

// Delivered is what store.Deliver answers after the commit.
type Delivered struct {
	Trace     TraceID // the first id when Duplicate
	Duplicate bool
	Filed     []Filed
}

// Filed says where one LocalDelivery landed.
type Filed struct {
	Account AccountID
	Mailbox MailboxID
	UID     UID
}

// Event is one line of a message's timeline (delivery_events).
type Event struct {
	Trace     TraceID
	At        time.Time
	Kind      EventKind
	Account   AccountID // 0 when none
	Recipient string
	Peer      string // address, or next hop
	Text      string // status and remote text; never body or secret
}

// EventKind names what happened, in the words of docs/queue.md.
type EventKind string

// The kinds of events.
const (
	EventAccepted  EventKind = "accepted"  // 250 promised, by SMTP or the CLI
	EventFiled     EventKind = "filed"     // in a mailbox
	EventQueued    EventKind = "queued"    // a queue entry was made
	EventAttempt   EventKind = "attempt"   // a delivery attempt began
	EventDelivered EventKind = "delivered" // the next hop said 250
	EventDeferred  EventKind = "deferred"  // 4xx or no connection; will retry
	EventFailed    EventKind = "failed"    // 5xx or lifetime over
	EventDSN       EventKind = "dsn"       // a DSN was sent
	EventHeld      EventKind = "held"
	EventReleased  EventKind = "released"
	EventDeleted   EventKind = "deleted"
	EventRefused   EventKind = "refused"   // a submission over a limit, or to a suppressed recipient
	EventBounced   EventKind = "bounced"   // a bounce came back as mail
	EventReported  EventKind = "reported"  // mail told of a delay, a success, a receipt or an automatic reply
	EventComplaint EventKind = "complaint" // a feedback report: somebody called it spam
)
