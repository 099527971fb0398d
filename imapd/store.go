package imapd

import (
	"context"
	"io"
	"time"

	"postroom/internal/auth"
	"postroom/internal/mail"
	"postroom/internal/spool"
)

// Store is what imapd needs of the mail store. Errors carry a mail.Code.
type Store interface {
	Mailboxes(ctx context.Context, account mail.AccountID) ([]mail.Mailbox, error)
	MailboxByName(ctx context.Context, account mail.AccountID, name string) (mail.Mailbox, mail.MailboxState, error)
	// OpenMailbox is MailboxByName with the account's Keywords.
	OpenMailbox(ctx context.Context, account mail.AccountID, name string) (mail.Mailbox, mail.MailboxState, []string, error)
	// MailboxesByName leaves out names that there are none of.
	MailboxesByName(ctx context.Context, account mail.AccountID, names []string) (map[string]mail.MailboxStatus, error)
	States(ctx context.Context, account mail.AccountID, ids []mail.MailboxID) (map[mail.MailboxID]mail.MailboxState, error)
	CreateMailbox(ctx context.Context, account mail.AccountID, name, specialUse string) (mail.Mailbox, error)
	DeleteMailbox(ctx context.Context, account mail.AccountID, name string) error
	RenameMailbox(ctx context.Context, account mail.AccountID, from, to string) error
	Subscribe(ctx context.Context, account mail.AccountID, name string) error
	Unsubscribe(ctx context.Context, account mail.AccountID, name string) error
	Subscriptions(ctx context.Context, account mail.AccountID) ([]string, error)

	Account(ctx context.Context, account mail.AccountID) (mail.AccountRecord, error)
	AccountByAddress(ctx context.Context, address mail.Address) (mail.AccountRecord, error)
	Rights(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, user mail.AccountID) (mail.Rights, error)
	SharedMailboxes(ctx context.Context, user mail.AccountID) ([]mail.SharedMailbox, error)
	ACL(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID) ([]mail.ACLEntry, error)
	SetACL(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, user mail.AccountID, change func(mail.Rights) mail.Rights) error
	CopyAcross(ctx context.Context, args mail.CopyArgs) (mail.CopyResult, error)
	MoveAcross(ctx context.Context, args mail.CopyArgs) (mail.CopyResult, error)
	Metadata(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, user mail.AccountID, names []string, depth int) ([]mail.Annotation, error)
	ListMetadata(ctx context.Context, account mail.AccountID, mailboxes []mail.MailboxID, user mail.AccountID, names []string) ([][]mail.Annotation, error)
	SetMetadata(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, user mail.AccountID, list []mail.Annotation) (seq int64, err error)
	MetadataChanges(ctx context.Context, user mail.AccountID, since map[mail.AccountID]int64) (list []mail.AnnotationChange, now map[mail.AccountID]int64, err error)

	Keywords(ctx context.Context, account mail.AccountID) ([]string, error)
	LoadMailbox(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID) ([]mail.MessageFlags, mail.MailboxState, error)
	FirstUnseen(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID) (uint32, mail.ModSeq, error)
	ClaimRecent(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, last mail.UID) (mail.Recent, error)
	UnclaimedRecent(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, after, last mail.UID) (mail.Recent, error)
	RecentCounts(ctx context.Context, account mail.AccountID, ids []mail.MailboxID) (map[mail.MailboxID]int64, error)
	ChangesSince(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, since mail.ModSeq) (mail.Changes, error)
	VanishedSince(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, since mail.ModSeq) (uids mail.UIDSet, complete bool, err error)
	FetchMessages(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, uids mail.UIDSet, cols mail.Columns, fn func(*mail.MessageRow) error) error
	StoreFlags(ctx context.Context, args mail.StoreArgs) (mail.StoreResult, error)
	Copy(ctx context.Context, account mail.AccountID, src mail.MailboxID, uids mail.UIDSet, dst mail.MailboxID) (mail.CopyResult, error)
	Move(ctx context.Context, account mail.AccountID, src mail.MailboxID, uids mail.UIDSet, dst mail.MailboxID) (mail.CopyResult, error)
	Expunge(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, uids *mail.UIDSet) (mail.ExpungeResult, error)
	// DocumentText gives what was read of a PDF or office file in a message, by
	// the place of its part's body; empty when nothing was.
	DocumentText(ctx context.Context, account mail.AccountID, message mail.MessageID, blob mail.BlobID, off int64) (string, error)
	// SearchCandidates gives what may contain a string with these grams; not ok:
	// anything may.
	SearchCandidates(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, grams []int32, most int) (set mail.UIDSet, ok bool, err error)
	// MessagesBetween gives those with a value above one number and below
	// another; not ok: some are not there any more.
	MessagesBetween(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, uids mail.UIDSet, value mail.RowValue, above, below int64) (set mail.UIDSet, ok bool, err error)
	Quota(ctx context.Context, account mail.AccountID) (mail.Quota, error)
}

// Blobs reads stored octets.
type Blobs interface {
	// WriteTo writes n octets of the blob from off on to w, chunk by chunk,
	// and holds nothing while w is slow.
	WriteTo(ctx context.Context, w io.Writer, blob mail.BlobID, off, n int64) error
}

// Identity is who logged in.
type Identity = auth.Identity

// AppendMessage is one message of an APPEND, its octets received.
type AppendMessage struct {
	Flags    mail.Flags
	Keywords []string
	Received time.Time // INTERNALDATE
	Message  *spool.Message
}

// Watch tells of changes by a token in C; tokens coalesce.
type Watch struct {
	C     <-chan struct{}
	Close func()
}

func (w Watch) end() {
	if w.Close != nil {
		w.Close()
	}
}
