package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
	"postroom/internal/postings"
)

// sqlPinSearch is sqlPin without sorts: rows that are to come in the order of
// an index come by it.
const sqlPinSearch = sqlPin + `, set_config('enable_sort', 'off', true)`

const sqlIndexed = `SELECT coalesce((SELECT indexed_uid FROM search_state WHERE account_id = $1 AND mailbox_id = $2), 0)`

// sqlFindBlocks gives, of one moment, every segment of account $1 with its
// messages, and for each gram of $2 the block that has it if any has. The
// segments come in any order, but each before its blocks.
const sqlFindBlocks = `WITH s AS MATERIALIZED (SELECT segment_id, messages FROM search_segments WHERE account_id = $1)
	SELECT segment_id, NULL, NULL, NULL, messages FROM s
	UNION ALL
	SELECT s.segment_id, g.gram, b.first_gram, b.data, NULL FROM s CROSS JOIN unnest($2::int[]) AS g (gram)
		CROSS JOIN LATERAL (SELECT first_gram, data FROM search_blocks x
			WHERE x.account_id = $1 AND x.segment_id = s.segment_id AND x.first_gram <= g.gram ORDER BY x.first_gram DESC LIMIT 1) b`

// sqlFindUIDs gives the UIDs of messages $3 in a mailbox. The rows are wanted
// in the order of message_id: what is small by a plan's statistics may hold
// millions.
const sqlFindUIDs = `SELECT m.uid FROM unnest($3::bigint[]) AS c (message_id) CROSS JOIN LATERAL (SELECT * FROM mailbox_messages x
		WHERE x.account_id = $1 AND x.message_id BETWEEN c.message_id AND c.message_id ORDER BY x.message_id OFFSET 0) m WHERE m.mailbox_id = $2
	UNION ALL
	SELECT e.uid FROM unnest($3::bigint[]) AS c (message_id) CROSS JOIN LATERAL (SELECT * FROM expunged x
		WHERE x.message_id = c.message_id OFFSET 0) e WHERE e.account_id = $1 AND e.mailbox_id = $2`

// SearchCandidates gives the messages of a mailbox that may contain a string
// with these grams: those the index names, and all that it does not know yet.
// Expunged messages that are kept are among them. ok is false when the index
// names more than most messages of the account, and nothing is said.
func (s *Store) SearchCandidates(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, grams []int32, most int) (set mail.UIDSet, ok bool, err error) {
	indexed, named, err := s.named(ctx, acct, mbox, grams)
	if errors.Is(err, postings.ErrDamaged) {
		s.log.Warn("searches read every message", "account", acct, "error", err, "hint", mendIndex)
		return nil, false, nil
	}
	if err != nil || len(named) > most {
		return nil, false, err
	}
	if len(named) > 0 {
		if set, err = s.uidsOf(ctx, acct, mbox, named); err != nil {
			return nil, false, err
		}
	}
	if indexed < everyUID[0].Hi {
		set = set.Union(mail.UIDSet{{Lo: indexed + 1, Hi: everyUID[0].Hi}})
	}
	return set, true, nil
}

// named gives up to which UID a mailbox was indexed and, of the moment after,
// the messages of the account that the index names.
func (s *Store) named(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, grams []int32) (indexed mail.UID, named []int64, err error) {
	var found map[int64]*postings.Found
	err = s.pinnedBy(ctx, sqlPinSearch, func(b *pgx.Batch) {
		found = map[int64]*postings.Found{}
		b.Queue(sqlIndexed, acct, mbox).QueryRow(func(row pgx.Row) error { return row.Scan(&indexed) })
		b.Queue(sqlFindBlocks, acct, append([]int32{postings.Always}, grams...)).Query(func(rows pgx.Rows) error {
			return readBlocks(rows, found)
		})
	})
	for _, f := range found {
		if err != nil {
			break
		}
		var ids []int64
		ids, err = f.All(len(grams))
		named = append(named, ids...)
	}
	return indexed, named, err
}

func readBlocks(rows pgx.Rows, found map[int64]*postings.Found) error {
	var segment int64
	var gram, first *int32
	var data []byte
	var messages []int64
	_, err := pgx.ForEachRow(rows, []any{&segment, &gram, &first, &data, &messages}, func() error {
		if gram == nil {
			found[segment] = &postings.Found{Messages: messages}
			return nil
		}
		return found[segment].Add(*gram, postings.Block{First: *first, Data: data})
	})
	return err
}

// mendIndex has the index made anew.
const mendIndex = "TRUNCATE search_messages, search_segments, search_blocks, search_dead, search_state"

func (s *Store) uidsOf(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, messages []int64) (set mail.UIDSet, err error) {
	var uids []mail.UID
	err = s.pinnedBy(ctx, sqlPinSearch, func(b *pgx.Batch) {
		b.Queue(sqlFindUIDs, acct, mbox, messages).Query(func(rows pgx.Rows) error {
			uids, err = pgx.CollectRows(rows, pgx.RowTo[mail.UID])
			return err
		})
	})
	return mail.UIDSetOf(uids...), err
}
