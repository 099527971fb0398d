package mail

// UID is an IMAP unique identifier (RFC 9051 §2.3.1.1); never 0 for a message.
type UID uint32

// ModSeq is a mod-sequence (RFC 7162 §3.1), 1 to 2^63-1.
type ModSeq uint64

// Flags are the system flags of RFC 9051 §2.3.2 as bits; keywords stand apart.
type Flags uint16

// The system flags, with their stored bits.
const (
	FlagSeen Flags = 1 << iota
	FlagAnswered
	FlagFlagged
	FlagDeleted
	FlagDraft
)

// FlagNames pairs each bit with its name, in the order postroom lists them.
var FlagNames = []struct {
	Flag Flags
	Name string
}{
	{FlagAnswered, `\Answered`},
	{FlagFlagged, `\Flagged`},
	{FlagDeleted, `\Deleted`},
	{FlagSeen, `\Seen`},
	{FlagDraft, `\Draft`},
}
