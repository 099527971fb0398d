package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
	"postroom/internal/postings"
)

// searchLock orders the index's writers, who share it, and the sweep, which
// removes messages: what the sweep is about to remove gets no new entry, and
// what has one is seen.
const searchLock = 0x706f737473656172

const (
	sqlShareSearch = `SELECT pg_advisory_xact_lock_shared($1)`
	sqlOwnSearch   = `SELECT pg_advisory_xact_lock($1)`
)

// sqlSaveSegment writes a segment of account $1, and notes that the index knows
// its messages, as long as mailbox $2 is there. Of messages that are gone it
// notes nothing; what the segment has of them goes with the next merge.
const sqlSaveSegment = `WITH s AS (
		INSERT INTO search_segments (account_id, octets, messages)
		SELECT account_id, $3, $4 FROM mailbox_state WHERE account_id = $1 AND mailbox_id = $2 RETURNING segment_id
	), b AS (
		INSERT INTO search_blocks (account_id, segment_id, first_gram, data)
		SELECT $1, s.segment_id, x.first, x.data FROM s CROSS JOIN unnest($5::int[], $6::bytea[]) AS x (first, data)
	)
	INSERT INTO search_messages (message_id, account_id, documents)
	SELECT x.message, $1, $7 FROM s CROSS JOIN unnest($4::bigint[]) AS x (message)
	WHERE EXISTS (SELECT FROM messages m WHERE m.account_id = $1 AND m.id = x.message)
	ON CONFLICT (message_id) DO UPDATE SET documents = true WHERE excluded.documents AND NOT search_messages.documents`

// sqlSaveState notes how far a mailbox is indexed, while it is there.
const sqlSaveState = `INSERT INTO search_state (account_id, mailbox_id, indexed_uid)
	SELECT account_id, mailbox_id, $3 FROM mailbox_state WHERE account_id = $1 AND mailbox_id = $2
	ON CONFLICT (account_id, mailbox_id) DO UPDATE SET indexed_uid = greatest(search_state.indexed_uid, excluded.indexed_uid)`

// SaveIndexed adds up to postings.MostEntries entries to the search index and
// notes that the mailbox is indexed up to a UID, all or nothing. Then it merges
// segments.
func (s *Store) SaveIndexed(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, upTo mail.UID, entries []mail.SearchEntry) error {
	var list []segment
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		list = nil
		b := searchBatch()
		queueSegment(b, acct, mbox, entries, false)
		b.Queue(sqlSaveState, acct, mbox, upTo)
		queueSegments(b, acct, &list)
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil || len(entries) == 0 {
		return err
	}
	return s.mergeFull(ctx, acct, list)
}

// searchBatch begins what a writer of the index sends in its transaction.
func searchBatch() *pgx.Batch {
	b := &pgx.Batch{}
	b.Queue(sqlPin)
	b.Queue(sqlShareSearch, int64(searchLock))
	return b
}

func queueSegment(b *pgx.Batch, acct mail.AccountID, mbox mail.MailboxID, entries []mail.SearchEntry, documents bool) {
	if len(entries) == 0 {
		return
	}
	in := make([]postings.Entry, 0, len(entries))
	seen := map[mail.MessageID]bool{} // a message may be in a mailbox twice
	for _, e := range entries {
		if seen[e.Message] {
			continue
		}
		seen[e.Message] = true
		keys := e.Grams
		if !e.Whole {
			keys = []int32{postings.Always}
		}
		in = append(in, postings.Entry{Message: int64(e.Message), Keys: keys})
	}
	seg := postings.Build(in)
	first, data := columns(seg.Blocks)
	b.Queue(sqlSaveSegment, acct, mbox, seg.Octets(), seg.Messages, first, data, documents)
}

func columns(blocks []postings.Block) (first []int32, data [][]byte) {
	for _, b := range blocks {
		first, data = append(first, b.First), append(data, b.Data)
	}
	return first, data
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
