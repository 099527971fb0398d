package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// stateArray is mailbox_counters s as one column, so that state and rows come
// from one statement, thus from one moment; readState reads it.
const stateArray = `ARRAY[` + stateColumns + `]`

func readState(v []int64) (st mail.MailboxState) {
	if len(v) < 10 {
		return st
	}
	st.UIDNext, st.HighestModSeq = mail.UID(v[0]), mail.ModSeq(v[1])
	st.VanishedFloor, st.ChangesFloor = mail.ModSeq(v[2]), mail.ModSeq(v[3])
	st.RecentUID = mail.UID(v[4])
	st.Messages, st.Unseen, st.Deleted, st.Bytes, st.DeletedBytes = v[5], v[6], v[7], v[8], v[9]
	return st
}

// sqlLoad gives the state in a row with UID 0, then all messages in UID order.
const sqlLoad = `SELECT 0::bigint AS uid, 0::bigint, 0::smallint, NULL::smallint[], ` + stateArray + `
		FROM mailbox_counters s WHERE s.account_id = $1 AND s.mailbox_id = $2
	UNION ALL
	(SELECT m.uid, m.modseq, m.flags, nullif(m.keywords, '{}'), NULL::bigint[]
		FROM mailbox_messages m WHERE m.account_id = $1 AND m.mailbox_id = $2 ORDER BY m.uid)`

// LoadMailbox reads UIDs, modseqs and flags of all messages, ascending, and
// the counters, as of one moment. CodeNotFound when the mailbox is gone.
func (s *Store) LoadMailbox(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID) ([]mail.MessageFlags, mail.MailboxState, error) {
	var l loaded
	err := s.pinned(ctx, func(b *pgx.Batch) {
		l = loaded{}
		b.Queue(sqlLoad, acct, mbox).Query(l.read)
	})
	if err == nil && !l.found {
		err = noMailbox()
	}
	return l.rows, l.state, err
}

// loaded collects a state row and message rows.
type loaded struct {
	found bool
	state mail.MailboxState
	rows  []mail.MessageFlags
}

func (l *loaded) read(rows pgx.Rows) error {
	if err := binaryOnly(rows, 0, 1, 2, 3); err != nil {
		return err
	}
	for rows.Next() {
		v := rows.RawValues()
		if v[4] == nil {
			l.rows = append(l.rows, rawFlags(v))
			continue
		}
		var st []int64
		if err := rows.Scan(nil, nil, nil, nil, &st); err != nil {
			return err
		}
		l.found, l.state = true, readState(st)
		if l.rows == nil {
			l.rows = make([]mail.MessageFlags, 0, l.state.Messages)
		}
	}
	return rows.Err()
}
