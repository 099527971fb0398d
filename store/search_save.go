package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// searchLock orders the index's writers, who share it, and the sweep, which
// removes messages: what the sweep is about to remove gets no new entry, and
// what has one is seen.
const searchLock = 0x706f737473656172

const (
	sqlShareSearch = `SELECT pg_advisory_xact_lock_shared($1)`
	sqlOwnSearch   = `SELECT pg_advisory_xact_lock($1)`
)

// sqlSaveEntries inserts entries $2 (message), $3 (whole) whose keys are $6
// from $4 to $5. A message that is gone gets none.
const sqlSaveEntries = `INSERT INTO search_grams (account_id, message_id, whole, grams)
	SELECT $1, x.message, x.whole, ($6::int4[])[x.lo:x.hi]
	FROM unnest($2::bigint[], $3::boolean[], $4::int[], $5::int[]) AS x (message, whole, lo, hi)
	WHERE EXISTS (SELECT FROM messages m WHERE m.account_id = $1 AND m.id = x.message)
	ON CONFLICT DO NOTHING`

// sqlSaveState notes how far a mailbox is indexed, while it is there.
const sqlSaveState = `INSERT INTO search_state (account_id, mailbox_id, indexed_uid)
	SELECT account_id, mailbox_id, $3 FROM mailbox_state WHERE account_id = $1 AND mailbox_id = $2
	ON CONFLICT (account_id, mailbox_id) DO UPDATE SET indexed_uid = greatest(search_state.indexed_uid, excluded.indexed_uid)`

// SaveIndexed adds entries to the search index and notes that the mailbox is
// indexed up to a UID, all or nothing. Entries that are there already stay.
func (s *Store) SaveIndexed(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, upTo mail.UID, entries []mail.SearchEntry) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(sqlPin)
		b.Queue(sqlShareSearch, int64(searchLock))
		if len(entries) > 0 {
			b.Queue(sqlSaveEntries, entryArgs(acct, entries)...)
		}
		b.Queue(sqlSaveState, acct, mbox, upTo)
		return tx.SendBatch(ctx, b).Close()
	})
}

// entryArgs are the parameters $1 to $6 of sqlSaveEntries.
func entryArgs(acct mail.AccountID, entries []mail.SearchEntry) []any {
	var messages []int64
	var whole []bool
	var lo, hi, keys []int32
	for _, e := range entries {
		messages, whole = append(messages, int64(e.Message)), append(whole, e.Whole)
		lo = append(lo, int32(len(keys)+1))
		keys = append(keys, keysOf(acct, e.Grams)...)
		hi = append(hi, int32(len(keys)))
	}
	return []any{acct, messages, whole, lo, hi, keys}
}

// searchPartitions is the number of partitions of search_grams.
const searchPartitions = 32

// MergeSearchIndex merges what was added into the index proper. Until then
// every search reads the additions one by one.
func (s *Store) MergeSearchIndex(ctx context.Context) error {
	for i := range searchPartitions {
		if _, err := s.pool.Exec(ctx, `SELECT gin_clean_pending_list($1::text::regclass)`, fmt.Sprintf("search_grams_%02d_grams", i)); err != nil {
			return dbError(err)
		}
	}
	return nil
}

// indexTurn is the advisory lock of the one node that indexes.
const indexTurn = 0x706f737474757264

// IndexTurn runs fn while this node, and no other, has the turn to index. It
// does nothing when another has it.
func (s *Store) IndexTurn(ctx context.Context, fn func(context.Context) error) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(c) // and the lock goes
	var mine bool
	if err := c.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(indexTurn)).Scan(&mine); err != nil || !mine {
		return dbError(err)
	}
	return fn(ctx)
}

// sqlDelivering tells whether any node of this database writes a delivery.
const sqlDelivering = `SELECT EXISTS (SELECT FROM pg_stat_activity
	WHERE datname = current_database() AND application_name = '` + deliverName + `' AND state <> 'idle')`

// Delivering tells whether deliveries are being written now, on any node.
func (s *Store) Delivering(ctx context.Context) bool {
	if s.deliver.Stat().AcquiredConns() > 0 {
		return true
	}
	var any bool
	return s.pool.QueryRow(ctx, sqlDelivering).Scan(&any) == nil && any
}
