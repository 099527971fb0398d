package mail

import "time"

// ThreadID groups the messages of one conversation within an account (RFC 8474).
type ThreadID int64

// Separator divides the levels of a mailbox name.
const Separator = "/"

// Inbox is the one name that every account has; the store keeps it in capitals.
const Inbox = "INBOX"

// Mailbox is a mailbox's name and role: what changes seldom.
type Mailbox struct {
	Account     AccountID
	ID          MailboxID
	Name        string // UTF-8 in NFC; INBOX in capitals
	UIDValidity uint32
	SpecialUse  string // "" or one attribute of RFC 6154: "\Sent"
	Subscribed  bool
}

// MailboxState holds a mailbox's counters as of one moment.
type MailboxState struct {
	UIDNext       UID
	HighestModSeq ModSeq
	// VanishedFloor is the modseq at or below which expunges are no longer
	// listed: a QRESYNC from there gets every absent UID (RFC 7162 §5.3).
	VanishedFloor ModSeq
	// ChangesFloor is the modseq at or below which mailbox_changes is gone.
	ChangesFloor ModSeq
	RecentUID    UID   // UIDs up to here were \Recent to someone
	Recent       int64 // messages above RecentUID, where they were counted
	Messages     int64
	Unseen       int64
	Deleted      int64 // messages with \Deleted
	Bytes        int64
	DeletedBytes int64 // of messages with \Deleted
}

// Recent are messages that are \Recent to one session (RFC 3501 §2.3.2).
type Recent struct {
	UIDs     UIDRange // Lo > Hi when there are none
	Messages int64    // in UIDs
}

// MessageFlags is what can change about a message. Keywords are numbers of the
// account's keyword table, ascending; Store.Keywords gives their names.
type MessageFlags struct {
	UID      UID
	ModSeq   ModSeq
	Flags    Flags
	Keywords []int16
}

// Changes is what happened to a mailbox above some modseq.
type Changes struct {
	State MailboxState
	// Rows are the messages added or changed since, as they are now, ascending.
	Rows []MessageFlags
	// Vanished are the UIDs expunged since. It may hold UIDs that came and
	// went in between.
	Vanished UIDSet
	// Complete is false when the modseq is below VanishedFloor: then Vanished
	// may lack UIDs, and the caller compares with all that exist.
	Complete bool
}

// Columns says which parts of a MessageRow a reader needs besides those that
// are always there.
type Columns uint32

// The column groups.
const (
	ColBlob          Columns = 1 << iota // BlobID, Prefix, HeaderSize
	ColFields                            // Fields
	ColEnvelope                          // Envelope
	ColBodyStructure                     // BodyStructure
	ColParts                             // Parts
	ColPreview                           // Preview
	ColThread                            // ThreadID, MessageIDField, SentAt
	ColOctets                            // Octets; goes with ColBlob
	ColUnlisted                          // ColBlob of messages that have no Fields
	// WithExpunged also gives messages that were expunged and are still kept:
	// only for a view that still holds them.
	WithExpunged
)

// MessageRow is one message in a mailbox. Its slices are valid until the
// callback that got it returns.
type MessageRow struct {
	// Always there.
	MessageFlags
	MessageID MessageID
	Size      int64     // octets, Prefix included: RFC822.SIZE
	Received  time.Time // INTERNALDATE
	Saved     time.Time // SAVEDATE
	Expunged  bool      // read from the restore window

	// ColBlob. The message is Prefix followed by the blob's Size-len(Prefix)
	// octets, whose first HeaderSize are the header with its empty line.
	BlobID     BlobID
	Prefix     []byte
	HeaderSize int64

	// ColOctets: all octets of the blob when it is small, read with the row;
	// else nil.
	Octets []byte

	Fields         []byte // ColFields
	Envelope       []byte // ColEnvelope
	BodyStructure  []byte // ColBodyStructure
	Parts          []byte // ColParts
	Preview        string // ColPreview
	ThreadID       ThreadID
	MessageIDField string
	SentAt         time.Time // zero when none
}

// RowValue names a number of a MessageRow that a store can compare without
// giving the rows.
type RowValue uint8

// The values: microseconds since 1970, and octets.
const (
	ByReceived RowValue = iota
	BySaved
	BySize
)

// Of gives the value of a row.
func (v RowValue) Of(r *MessageRow) int64 {
	switch v {
	case ByReceived:
		return r.Received.UnixMicro()
	case BySaved:
		return r.Saved.UnixMicro()
	}
	return r.Size
}

// MailboxStatus is a mailbox with what it holds.
type MailboxStatus struct {
	Mailbox
	MailboxState
}

// StoreMode says how STORE combines flags.
type StoreMode uint8

// The modes: FLAGS, +FLAGS, -FLAGS.
const (
	StoreSet StoreMode = iota
	StoreAdd
	StoreRemove
	StoreSetFlags // FLAGS by a user who may not change keywords
)

// StoreArgs is one STORE.
type StoreArgs struct {
	Account  AccountID
	Mailbox  MailboxID
	UIDs     UIDSet
	Mode     StoreMode
	Flags    Flags
	Keywords []string
	// Keep are flags that the caller may not change (rights, RFC 4314 §4).
	Keep Flags
	// UnchangedSince is UNCHANGEDSINCE of RFC 7162 §3.1.3; nil when not given.
	UnchangedSince *ModSeq
}

// StoreResult is what a STORE did.
type StoreResult struct {
	// Rows are the messages it applied to, as they are now, ascending; also
	// those that already were so (their ModSeq is the old one).
	Rows []MessageFlags
	// Modified are the UIDs that UNCHANGEDSINCE kept from being stored.
	Modified UIDSet
	// ModSeq is the highest modseq given out; 0 when nothing changed.
	ModSeq ModSeq
}

// CopyArgs is one COPY or MOVE between accounts, or with fewer flags.
type CopyArgs struct {
	Account    AccountID
	Mailbox    MailboxID
	UIDs       UIDSet
	ToAccount  AccountID
	To         MailboxID
	Flags      Flags // those that go along
	NoKeywords bool
}

// CopyResult is what COPY or MOVE did. Src and Dst have the same number of
// UIDs and correspond in ascending order (COPYUID, RFC 4315 §3).
type CopyResult struct {
	UIDValidity uint32 // of the destination
	Src, Dst    UIDSet
	// SrcModSeq is the source's modseq after a MOVE; 0 for COPY.
	SrcModSeq ModSeq
}

// ExpungeResult is what EXPUNGE removed.
type ExpungeResult struct {
	UIDs   UIDSet
	ModSeq ModSeq // 0 when nothing was removed
}

// Quota is an account's limit and use.
type Quota struct {
	LimitBytes    int64 // 0: none
	LimitMessages int64 // 0: none
	UsedBytes     int64
	Messages      int64
}
