package mail

import (
	"context"
	"strings"
)

// Rights is a set of the standard rights of RFC 4314 §2.1.
type Rights uint16

// The standard rights.
const (
	RightLookup  Rights = 1 << iota // l
	RightRead                       // r
	RightSeen                       // s
	RightWrite                      // w
	RightInsert                     // i
	RightPost                       // p
	RightCreate                     // k
	RightRemove                     // x
	RightDeleted                    // t
	RightExpunge                    // e
	RightAdmin                      // a

	AllRights Rights = 1<<iota - 1
)

// MetadataRights are those of which a user needs one, besides "l", to have to
// do with a mailbox's annotations (RFC 5464 §3.3).
const MetadataRights = RightRead | RightSeen | RightWrite | RightInsert | RightPost

// rightLetters are the rights in the order of their bits.
const rightLetters = "lrswipkxtea"

// The obsolete rights stand for two each (RFC 4314 §2.1.1).
const (
	virtualCreate = RightCreate | RightRemove   // c
	virtualDelete = RightDeleted | RightExpunge // d
)

// ParseRights reads a list of rights; ok is false for a letter that is none.
func ParseRights(s string) (r Rights, ok bool) {
	for i := range len(s) {
		switch s[i] {
		case 'c':
			r |= virtualCreate
		case 'd':
			r |= virtualDelete
		default:
			n := strings.IndexByte(rightLetters, s[i])
			if n < 0 {
				return 0, false
			}
			r |= 1 << n
		}
	}
	return r, true
}

// String lists the rights, with the obsolete "c" and "d" where one of their
// members is there, as older clients want it.
func (r Rights) String() string {
	var b strings.Builder
	for i := range len(rightLetters) {
		if r&(1<<i) != 0 {
			b.WriteByte(rightLetters[i])
		}
	}
	if r&virtualCreate != 0 {
		b.WriteByte('c')
	}
	if r&virtualDelete != 0 {
		b.WriteByte('d')
	}
	return b.String()
}

// Has tells whether all of want are there.
func (r Rights) Has(want Rights) bool { return r&want == want }

// Flags are those that the rights allow to set and clear (RFC 4314 §4).
func (r Rights) Flags() Flags {
	var f Flags
	if r.Has(RightSeen) {
		f |= FlagSeen
	}
	if r.Has(RightDeleted) {
		f |= FlagDeleted
	}
	if r.Has(RightWrite) {
		f |= FlagAnswered | FlagFlagged | FlagDraft
	}
	return f
}

// ACLEntry is one pair of an access control list.
type ACLEntry struct {
	User   AccountID // 0: anyone
	Name   string    // primary address; "anyone"
	Rights Rights
}

// SharedMailbox is a mailbox of another account on which a user has rights.
type SharedMailbox struct {
	Mailbox
	Owner  string // primary address
	Rights Rights
}

// Need is a right that a user must have on a mailbox of another account while
// he writes to it.
type Need struct {
	Account AccountID // of the mailbox
	Mailbox MailboxID
	User    AccountID
	Rights  Rights
}

type needsKey struct{}

// WithNeeds gives a context under which the store looks at the rights again in
// the transaction of every write, and refuses with CodeNoPermission.
func WithNeeds(ctx context.Context, needs ...Need) context.Context {
	return context.WithValue(ctx, needsKey{}, needs)
}

// NeedsOf gives what WithNeeds put there.
func NeedsOf(ctx context.Context) []Need {
	needs, _ := ctx.Value(needsKey{}).([]Need)
	return needs
}

// Keep leaves of flags and keywords what the rights allow to set.
func (r Rights) Keep(flags Flags, keywords []string) (Flags, []string) {
	if !r.Has(RightWrite) {
		keywords = nil
	}
	return flags & r.Flags(), keywords
}
