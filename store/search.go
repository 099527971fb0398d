package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// sqlPinSearch is sqlPin with what a GIN index needs: it is read by bitmaps.
// Without sorts, rows that are to come in the order of an index come by it.
const sqlPinSearch = sqlPin + `, set_config('enable_bitmapscan', 'on', true), set_config('enable_sort', 'off', true)`

// sqlCandidates gives what SearchCandidates wants to know, of one moment: up
// to which UID the mailbox is indexed, the UIDs of candidates, and how many
// messages of the account there were. The rows of search_grams have no index
// by account, and those of mailbox_messages are wanted in the order of
// message_id: what is small by a plan's statistics may hold millions.
const sqlCandidates = `WITH c AS MATERIALIZED (
		(SELECT message_id FROM search_grams WHERE account_id = $1 AND grams @> $3::int4[]
		UNION ALL
		SELECT message_id FROM search_grams WHERE account_id = $1 AND NOT whole) LIMIT $4
	), few AS MATERIALIZED (
		SELECT message_id FROM c WHERE (SELECT count(*) FROM c) < $4
	)
	SELECT 'i'::"char", coalesce((SELECT indexed_uid FROM search_state WHERE account_id = $1 AND mailbox_id = $2), 0)
	UNION ALL
	SELECT 'n', count(*) FROM c
	UNION ALL
	SELECT 'u', m.uid FROM few c CROSS JOIN LATERAL (SELECT * FROM mailbox_messages x
		WHERE x.account_id = $1 AND x.message_id BETWEEN c.message_id AND c.message_id ORDER BY x.message_id OFFSET 0) m WHERE m.mailbox_id = $2
	UNION ALL
	SELECT 'u', e.uid FROM few c CROSS JOIN LATERAL (SELECT * FROM expunged x
		WHERE x.message_id = c.message_id OFFSET 0) e WHERE e.account_id = $1 AND e.mailbox_id = $2`

// SearchCandidates gives the messages of a mailbox that may contain a string
// with these grams: those the index names, and all that it does not know yet.
// Expunged messages that are kept are among them. ok is false when the index
// names more than most messages of the account, and nothing is said.
func (s *Store) SearchCandidates(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, grams []int32, most int) (set mail.UIDSet, ok bool, err error) {
	var r candidates
	err = s.pinnedBy(ctx, sqlPinSearch, func(b *pgx.Batch) {
		r = candidates{}
		b.Queue(sqlCandidates, acct, mbox, keysOf(acct, grams), most+1).Query(r.read)
	})
	if err != nil || r.named > int64(most) {
		return nil, false, err
	}
	set = mail.UIDSetOf(r.uids...)
	if r.indexed < everyUID[0].Hi {
		set = set.Union(mail.UIDSet{{Lo: r.indexed + 1, Hi: everyUID[0].Hi}})
	}
	return set, true, nil
}

type candidates struct {
	indexed mail.UID
	named   int64
	uids    []mail.UID
}

func (r *candidates) read(rows pgx.Rows) error {
	var kind byte
	var n int64
	_, err := pgx.ForEachRow(rows, []any{&kind, &n}, func() error {
		switch kind {
		case 'i':
			r.indexed = mail.UID(n)
		case 'n':
			r.named = n
		default:
			r.uids = append(r.uids, mail.UID(n))
		}
		return nil
	})
	return err
}

// gramBits is what a gram takes; above stand bits of the account, so that one
// account's keys lie side by side in the index and few others' among them.
const gramBits = 20

// keysOf gives the numbers under which an account's grams are indexed.
func keysOf(acct mail.AccountID, grams []int32) []int32 {
	class := int32(uint64(acct)*0x9e3779b97f4a7c15>>(64-31+gramBits)) << gramBits
	keys := make([]int32, len(grams))
	for i, g := range grams {
		keys[i] = class | g
	}
	return keys
}
