package store

import (
	"strings"
	"time"

	"postroom/internal/mail"
)

// unit is what one Deliver or Append writes: all of it or nothing. It is made
// once, ids and all, and may be written several times until a transaction
// commits.
type unit struct {
	blobs    []blobWrite
	messages []messageWrite
	queue    *queueWrite
	events   []eventWrite
	accepted []byte // fingerprint; nil for none
	trace    mail.TraceID
	sending  *mail.Sending // nil: no submission
	ignore   bool          // the quota: a DSN must land
	needs    []mail.Need   // rights to look at under the locks
	replaces *replaceWrite // nil: nothing

	bytes int64 // of its chunks, for the size of a group

	// Set by the transaction that wrote it; valid after its commit.
	filed []placed

	done chan error // gets one value when it is decided
}

// blobWrite is a blob to be written: chunks when they are in memory, else they
// are read one by one from content.
type blobWrite struct {
	id      mail.BlobID
	content mail.Content
	chunks  [][]byte
}

type messageWrite struct {
	mailboxKey
	id       mail.MessageID
	blob     mail.BlobID
	prefix   []byte
	size     int64
	summary  *mail.Summary
	flags    mail.Flags
	keywords string // as an array literal: '{1,2}'
	received time.Time
	trace    mail.TraceID
}

// mailboxKey names a mailbox and orders locks.
type mailboxKey struct {
	account mail.AccountID
	mailbox mail.MailboxID
}

func (a mailboxKey) compare(b mailboxKey) int {
	switch {
	case a.account < b.account, a.account == b.account && a.mailbox < b.mailbox:
		return -1
	case a == b:
		return 0
	}
	return 1
}

// placed says where a message landed and at which modseq.
type placed struct {
	mailboxKey
	uid    mail.UID
	modseq mail.ModSeq
}

type queueWrite struct {
	out     *mail.Outbound
	blob    mail.BlobID
	size    int64
	header  int64
	entries []entryWrite
}

// wait is how long after the commit entry i is due.
func (q *queueWrite) wait(i int) time.Duration { return q.out.Wait + time.Duration(i)*q.out.Step }

type entryWrite struct {
	id mail.EntryID
	r  mail.Recipient
}

type eventWrite struct {
	id int64
	mail.Event
}

// mailboxes lists those the unit writes to, each once.
func (u *unit) mailboxes() []mailboxKey {
	var ks []mailboxKey
next:
	for i := range u.messages {
		for _, k := range ks {
			if k == u.messages[i].mailboxKey {
				continue next
			}
		}
		ks = append(ks, u.messages[i].mailboxKey)
	}
	return ks
}

// clean makes text that PostgreSQL takes: valid UTF-8 without NUL.
func clean(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
