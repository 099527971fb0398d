package store

// The statements of one delivery transaction. Each takes the rows of a whole
// group as arrays. All inserts come first, so that locks are held as short as
// the commit takes.
const (
	sqlXID = `SELECT pg_current_xact_id()::text`

	// A row too few means that one of the messages was accepted before. Sorted
	// by the caller: two groups never wait for each other crosswise.
	sqlAccepted = `INSERT INTO accepted (fingerprint, trace_id)
		SELECT * FROM unnest($1::bytea[], $2::bigint[])
		ON CONFLICT (fingerprint) DO NOTHING`

	sqlBlobs = `INSERT INTO blobs (blob_id, chunk, data)
		SELECT * FROM unnest($1::bigint[], $2::int[], $3::bytea[])`

	sqlBlobRefs = `INSERT INTO blob_refs (blob_id, account_id, holder)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])`

	sqlMessages = `INSERT INTO messages (account_id, id, blob_id, prefix, size, header_size, fields, envelope,
			bodystructure, parts, preview, thread_id, message_id, sent_at, trace_id)
		SELECT account_id, id, blob_id, prefix, size, header_size, fields, envelope,
			bodystructure, parts, preview, thread_id, message_id, sent_at, trace_id
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bigint[], $6::bigint[], $7::bytea[], $8::bytea[],
			$9::bytea[], $10::bytea[], $11::text[], $12::text[], $13::timestamptz[], $14::bigint[], $15::bigint[])
		AS r (account_id, id, blob_id, prefix, size, header_size, fields, envelope,
			bodystructure, parts, preview, message_id, sent_at, trace_id, thread_id)`

	sqlEvents = `INSERT INTO delivery_events (at, id, trace_id, kind, account_id, recipient, peer, text)
		SELECT * FROM unnest($1::timestamptz[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[])`

	sqlQueueMessages = `INSERT INTO queue_messages (id, blob_id, account_id, sender, prefix, size, header_size,
			ret, envid, utf8, body8bit, expires_at)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bytea[], $6::bigint[], $7::bigint[],
			$8::smallint[], $9::text[], $10::boolean[], $11::boolean[], $12::timestamptz[])`

	// last_text says why an entry waits or is held, until a next hop says something.
	sqlQueueEntries = `INSERT INTO queue_entries (id, queue_message_id, recipient, domain, notify, orcpt, state, next_attempt_at, last_text)
		SELECT id, message, recipient, domain, notify, orcpt, state, now() + wait, why
		FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::smallint[], $6::text[], $7::text[], $8::interval[], $9::text[])
		AS r (id, message, recipient, domain, notify, orcpt, state, wait, why)`
)

// sqlLock takes the locks of mailboxes, in lock order.
func sqlLock(skipLocked string) string {
	return `SELECT FROM unnest($1::bigint[], $2::bigint[]) AS t (account_id, mailbox_id) JOIN mailbox_state s USING (account_id, mailbox_id)
		ORDER BY s.account_id, s.mailbox_id FOR NO KEY UPDATE OF s ` + skipLocked
}

// sqlFile follows sqlLock, so that its snapshot is younger than the locks: it
// takes UIDs and one modseq per mailbox from the newest counters, inserts the
// mailbox rows and their change, and reads what the accounts hold. Both ride in
// one round trip. When a mailbox is missing (gone; held, after SKIP LOCKED) it
// writes nothing. $1–$7 are mailboxes, $8–$15 rows, $16 accounts.
func sqlFile(ours string) string {
	return `WITH target AS MATERIALIZED (
			SELECT t.*, c.uidnext AS first, c.highestmodseq + 1 AS modseq, c.messages AS had, c.unseen AS had_unseen, c.deleted AS had_deleted,
				c.bytes AS had_bytes, c.deleted_bytes AS had_deleted_bytes
			FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
				AS t (account_id, mailbox_id, n, unseen, deleted, bytes, deleted_bytes)
			JOIN mailbox_state s USING (account_id, mailbox_id) JOIN mailbox_counters c USING (account_id, mailbox_id)
			WHERE ` + ours + `
		), changed AS (
			INSERT INTO mailbox_changes (` + changeColumns + `)
			SELECT account_id, mailbox_id, modseq, 'a', int8multirange(int8range(first, first + n)), first + n, had + n,
				had_unseen + unseen, had_deleted + deleted, had_bytes + bytes, had_deleted_bytes + deleted_bytes
			FROM target WHERE (SELECT count(*) FROM target) = cardinality($1)
		), filed AS (
			INSERT INTO mailbox_messages (account_id, mailbox_id, uid, message_id, modseq, flags, keywords, received_at, saved_at, size)
			SELECT t.account_id, t.mailbox_id, t.first + r.place, r.message_id, t.modseq, r.flags, r.keywords::smallint[], r.received_at, now(), r.size
			FROM target t JOIN unnest($8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::smallint[], $13::text[], $14::timestamptz[], $15::bigint[])
				AS r (account_id, mailbox_id, place, message_id, flags, keywords, received_at, size) USING (account_id, mailbox_id)
			WHERE (SELECT count(*) FROM target) = cardinality($1)
		)
		SELECT account_id, mailbox_id, first, modseq FROM target
		UNION ALL
		SELECT a.id, 0, ` + usedOfQuota + `, a.quota_bytes FROM unnest($16::bigint[]) AS i JOIN accounts a ON a.id = i WHERE a.deleted_at IS NULL
		UNION ALL
		SELECT a.id, -1, ` + messagesOfQuota + `, a.quota_messages FROM unnest($16::bigint[]) AS i JOIN accounts a ON a.id = i WHERE a.quota_messages > 0`
}

var (
	sqlLockWait = sqlLock("")
	sqlLockSkip = sqlLock("SKIP LOCKED")
	sqlFileWait = sqlFile("true")
	// Of the rows that others hold, xmax is not this transaction: it has no
	// savepoints, and nobody locks mailbox_state in a shared mode.
	sqlFileSkip = sqlFile("s.xmax = pg_current_xact_id()::xid")
)
