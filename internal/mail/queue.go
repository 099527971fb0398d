package mail

import "time"

// QueueMessage is what the queue entries of one message share (table
// queue_messages).
type QueueMessage struct {
	ID         TraceID
	Blob       BlobID
	Account    AccountID // submitter; 0 for forwarded mail and DSNs
	From       Address   // reverse-path; null for "<>"
	Prefix     []byte    // our header fields, sent before the blob's octets
	Size       int64     // octets, prefix included
	HeaderSize int64     // octets of the blob's header, without prefix
	Ret        Return
	EnvID      string
	UTF8       bool
	Body8Bit   bool
	CreatedAt  time.Time
	ExpiresAt  time.Time // the queue lifetime ends here
}

// QueueState is the state of a queue entry; docs/queue.md tells who moves it.
type QueueState string

// The states of a queue entry. An entry that is done is no longer there.
const (
	QueueReady  QueueState = "ready"  // due at NextAttempt
	QueueLeased QueueState = "leased" // a worker has it until LeaseUntil
	QueueHeld   QueueState = "held"   // waits for an administrator
)

// QueueEntry is one recipient of one message on its way out (table
// queue_entries).
type QueueEntry struct {
	ID          EntryID
	Message     TraceID
	Recipient   Recipient
	Domain      string // destination: the recipient's domain, A-label
	State       QueueState
	Attempts    int // finished attempts
	NextAttempt time.Time
	LeaseUntil  time.Time // zero unless leased
	DelayDSNAt  time.Time // when the delay DSN was sent; zero: not yet
	LastAttempt time.Time // zero: never
	Last        RemoteReply
}

// RemoteReply is what the next hop said about a recipient last.
type RemoteReply struct {
	Code   int    // SMTP reply code; 0 when there was no reply
	Status string // enhanced status code, "4.4.1"
	Text   string
	Remote string // host [address] that said it; "" when none was reached
}

// LeaseToken proves that a worker still holds the lease it settles.
type LeaseToken int64

// LeaseArgs tells LeaseDue what a worker can take.
type LeaseArgs struct {
	Max         int           // entries at most; 0: 100
	PerDomain   int           // entries of one destination at most; 0: 50
	BusyDomains []string      // destinations at their limit, A-labels: left alone
	For         time.Duration // life of the leases; 0: 15 minutes
	Domain      string        // only this destination (a connection is open to it); "": any
}

// LeasedMessage is one message with entries of one destination, under one
// token.
type LeasedMessage struct {
	Message QueueMessage
	Entries []QueueEntry // all of one Domain
	Token   LeaseToken
	Until   time.Time
}

// Outcome is how an attempt at a queue entry ended.
type Outcome int

// The outcomes.
const (
	OutcomeDelivered Outcome = iota + 1 // the next hop said 250: the entry goes
	OutcomeDeferred                     // try again at Next
	OutcomeFailed                       // 5xx, or lifetime over: the entry goes
	OutcomeReturned                     // not tried (shutdown, busy): ready again at Next, no attempt counted
)

// Settlement ends the lease of one entry.
type Settlement struct {
	Entry   EntryID
	Token   LeaseToken
	Outcome Outcome
	Next    time.Time // for OutcomeDeferred and OutcomeReturned; zero: now
	Reply   RemoteReply
}

// DSNKind tells why a DSN is sent (RFC 3464 §2.3.3, the Action field).
type DSNKind string

// The kinds of DSNs.
const (
	DSNFailure DSNKind = "failed"
	DSNDelay   DSNKind = "delayed"
	DSNSuccess DSNKind = "relayed" // the next hop took it and does not know DSN
)

// QueueDSN is a DSN that goes out in the transaction of the settlements it
// reports. It is written only when every one of its entries was settled by
// this call, so it is never sent twice for an entry and kind.
type QueueDSN struct {
	Kind     DSNKind
	Entries  []EntryID
	Delivery *Delivery
}

// SettleResult tells what became of one Settlement. Err is nil when it was
// written; CodeExpired when the lease was lost (another worker has the entry,
// or it is gone); CodeConflict when a DSN covers both this entry and one whose
// lease was lost: settle it again with a DSN of its own. With an Err nothing
// was changed for the entry.
type SettleResult struct {
	Entry EntryID
	Err   error
}

// QueueFilter selects queue entries for an administrator. Zero fields select
// all.
type QueueFilter struct {
	Message   TraceID
	Entry     EntryID
	State     QueueState
	Domain    string // destination, A-label
	Recipient string // exact, without case
	Sender    string // exact, without case
	Limit     int    // 0: 1,000
	After     EntryID
}

// QueueItem is a queue entry with what its message tells, for a listing.
type QueueItem struct {
	Entry     QueueEntry
	From      Address
	Account   AccountID
	Size      int64
	CreatedAt time.Time
	ExpiresAt time.Time
	// AwaitsReview: queued before after-restore was run and not yet released.
	AwaitsReview bool
}

// QueueStats counts the queue.
type QueueStats struct {
	Messages, Ready, Leased, Held, AwaitsReview int64
	OldestAt                                    time.Time // zero: empty
}
