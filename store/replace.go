package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// Replaced names the message that REPLACE removes, in a mailbox of the same
// account.
type Replaced struct {
	Mailbox mail.MailboxID
	UID     mail.UID
}

// replaceWrite is a message that goes in the transaction of a unit.
type replaceWrite struct {
	Replaced
	modseq mail.ModSeq // of its expunge; 0: it was not there
}

// Replace appends a message to a mailbox and expunges another, both or neither
// (RFC 8508 §3.4); what the account holds is judged by the difference. Errors
// are those of Append, and mail.CodeConflict when the message to be replaced is
// gone.
func (s *Store) Replace(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, m AppendMessage, old Replaced) (AppendResult, error) {
	u, err := s.appendUnit(ctx, mailboxKey{account, mailbox}, []AppendMessage{m})
	if err != nil {
		return AppendResult{}, err
	}
	u.replaces = &replaceWrite{Replaced: old}
	if err := s.lane.alone(ctx, u); err != nil {
		return AppendResult{}, err
	}
	s.changed(account, old.Mailbox, u.replaces.modseq)
	return AppendResult{UIDs: []mail.UID{u.filed[0].uid}, ModSeq: u.filed[0].modseq}, nil
}

var sqlReplaced = sqlExpunges[1]

// queueReplaced takes the message out before the new one is filed: UIDs,
// modseqs and the quota then follow from what is left. A unit that replaces is
// a group of its own, so all its locks are taken here, in order.
func (g *group) queueReplaced() {
	u := g.units[0]
	r := u.replaces
	if r == nil {
		return
	}
	r.modseq = 0
	k := u.messages[0].mailboxKey
	g.batch.Queue(sqlPin)
	g.batch.Queue(sqlLockStates, k.account, []mail.MailboxID{k.mailbox, r.Mailbox})
	g.batch.Queue(sqlReplaced, k.account, r.Mailbox, int64(r.UID), int64(r.UID), int16(0))
}

func (g *group) readReplaced(res pgx.BatchResults) error {
	rows, err := res.Query()
	if err != nil {
		return err
	}
	var gone multirange
	_, err = pgx.ForEachRow(rows, []any{&g.units[0].replaces.modseq, &gone}, func() error { return nil })
	return err
}

// judgeReplaced refuses a unit whose message to be replaced was not there.
func (g *group) judgeReplaced(p *partial) {
	if u := g.units[0]; u.replaces != nil && u.replaces.modseq == 0 && p.refused[u] == nil {
		p.refused[u] = mail.Errorf(mail.CodeConflict, "the message to be replaced no longer exists")
	}
}
