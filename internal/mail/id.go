package mail

import (
	"errors"
	"log/slog"
	"strings"
)

// Identifiers are made in Go (see store.IDs): 41 bits of milliseconds, 10 of
// node slot, 12 of counter. They are positive and grow within one node.
type (
	// AccountID names an account: a person or a role with a password and mailboxes.
	AccountID int64
	// DomainID names a mail domain served here.
	DomainID int64
	// CredentialID names one password or app password of an account.
	CredentialID int64
	// MailboxID names an IMAP mailbox of an account.
	MailboxID int64
	// MessageID names an immutable messages row of an account (not the
	// Message-ID header field).
	MessageID int64
	// BlobID names the stored octets that several messages may share.
	BlobID int64
	// EntryID names one queue entry: one recipient of one message.
	EntryID int64
)

// TraceID names one accepted message from its 250 to the end of its
// deliveries. Its String is the "queue id" of logs, of the Received field, of
// the 250 reply and of `postroom trace`.
type TraceID int64

// crockford is the Base32 alphabet without i, l, o and u, so that a queue id
// survives being read out over a telephone.
const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// String gives the id as 13 lower-case Crockford Base32 digits.
func (t TraceID) String() string {
	var b [13]byte
	v := uint64(t)
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = crockford[v&31]
		v >>= 5
	}
	return string(b[:])
}

// LogValue makes logs show the id as String does.
func (t TraceID) LogValue() slog.Value { return slog.StringValue(t.String()) }

// ParseTraceID reads what String wrote, in either case.
func ParseTraceID(s string) (TraceID, error) {
	if len(s) != 13 {
		return 0, errors.New("a queue id has 13 characters")
	}
	var v uint64
	for _, r := range strings.ToLower(s) {
		i := strings.IndexRune(crockford, r)
		if i < 0 {
			return 0, errors.New("a queue id has only digits and letters without i, l, o, u")
		}
		if v >= 1<<58 {
			return 0, errors.New("that queue id is out of range")
		}
		v = v<<5 | uint64(i)
	}
	return TraceID(v), nil
}
