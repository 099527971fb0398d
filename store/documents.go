package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// DocumentText gives what was read of a message's document whose part's body
// is at off in the blob; empty when nothing was, or when the message's grams
// do not have it yet: so the index never hides what a search would find.
func (s *Store) DocumentText(ctx context.Context, acct mail.AccountID, message mail.MessageID, blob mail.BlobID, off int64) (text string, err error) {
	rows, err := s.pool.Query(ctx, `SELECT t.body FROM search_messages k, document_texts t
		WHERE k.account_id = $1 AND k.message_id = $2 AND k.documents AND t.blob_id = $3 AND t.off = $4`, acct, message, blob, off)
	if err != nil {
		return "", dbError(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(all) == 0 {
		return "", dbError(err)
	}
	return all[0], nil
}

// KeptDocuments gives what was read of the documents in a blob, by the place
// of their part's body.
func (s *Store) KeptDocuments(ctx context.Context, blob mail.BlobID) (map[int64]string, error) {
	kept := map[int64]string{}
	rows, err := s.pool.Query(ctx, `SELECT off, body FROM document_texts WHERE blob_id = $1`, blob)
	if err != nil {
		return nil, dbError(err)
	}
	var off int64
	var body string
	_, err = pgx.ForEachRow(rows, []any{&off, &body}, func() error { kept[off] = body; return nil })
	return kept, dbError(err)
}

// Unread gives indexed mailboxes with messages whose documents were not looked
// for, at most so many.
func (s *Store) Unread(ctx context.Context, most int) ([]mail.Unindexed, error) {
	rows, err := s.pool.Query(ctx, `SELECT i.account_id, i.mailbox_id, i.documents_uid, least(c.messages, i.indexed_uid - i.documents_uid)
		FROM search_state i JOIN mailbox_counters c USING (account_id, mailbox_id) WHERE i.indexed_uid > i.documents_uid LIMIT $1`, most)
	if err != nil {
		return nil, dbError(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[mail.Unindexed])
	return list, dbError(err)
}

// sqlToRead gives up to $4 UIDs above $3 that are indexed and whether the
// documents of their message are, then the UID up to which the mailbox is.
const sqlToRead = `WITH i AS MATERIALIZED (
		SELECT indexed_uid FROM search_state WHERE account_id = $1 AND mailbox_id = $2
	), m AS MATERIALIZED (
		(SELECT uid, message_id FROM mailbox_messages WHERE account_id = $1 AND mailbox_id = $2 AND uid > $3 ORDER BY uid LIMIT $4)
		UNION ALL
		(SELECT uid, message_id FROM expunged WHERE account_id = $1 AND mailbox_id = $2 AND uid > $3 ORDER BY uid LIMIT $4)
	)
	(SELECT m.uid, k.known FROM m CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM search_messages k
		WHERE k.message_id = m.message_id AND k.documents) AS known OFFSET 0) k
		WHERE m.uid <= (SELECT indexed_uid FROM i) ORDER BY m.uid LIMIT $4)
	UNION ALL
	SELECT indexed_uid, NULL FROM i`

// ToRead gives the messages whose documents are to be looked for among the
// next limit ones of a mailbox above a UID, and the UID up to which that is
// done with them; 0 when the mailbox is gone.
func (s *Store) ToRead(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, after mail.UID, limit int) (uids mail.UIDSet, upTo mail.UID, err error) {
	return s.next(ctx, sqlToRead, acct, mbox, after, limit)
}

// sqlSaveTexts adds what was read of documents ($3 blob, $4 place, $5 text) of
// messages ($2) that are still there.
const sqlSaveTexts = `INSERT INTO document_texts (blob_id, off, body)
	SELECT x.blob, x.off, x.body FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[]) AS x (message, blob, off, body)
	WHERE EXISTS (SELECT FROM messages m WHERE m.account_id = $1 AND m.id = x.message AND m.blob_id = x.blob)
	ON CONFLICT DO NOTHING`

const sqlDocumentsState = `UPDATE search_state SET documents_uid = greatest(documents_uid, $3) WHERE account_id = $1 AND mailbox_id = $2`

// SaveDocuments keeps what was read of documents, adds entries with their grams
// to the index, and notes up to which UID a mailbox's were looked for, all or
// nothing.
func (s *Store) SaveDocuments(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, upTo mail.UID, texts []mail.DocumentText, entries []mail.SearchEntry) error {
	var messages, blobs, places []int64
	var bodies []string
	for _, t := range texts {
		messages, blobs = append(messages, int64(t.Message)), append(blobs, int64(t.Blob))
		places, bodies = append(places, t.Off), append(bodies, t.Text)
	}
	var list []segment
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		list = nil
		b := searchBatch()
		if len(texts) > 0 {
			b.Queue(sqlSaveTexts, acct, messages, blobs, places, bodies)
		}
		queueSegment(b, acct, mbox, entries, true)
		b.Queue(sqlDocumentsState, acct, mbox, upTo)
		queueSegments(b, acct, &list)
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil || len(entries) == 0 {
		return err
	}
	return s.mergeFull(ctx, acct, list)
}

// ForgetDocuments forgets all that was read of documents: they are read again.
// Until then no search looks at them. Stopped half-way, it is to be run again.
func (s *Store) ForgetDocuments(ctx context.Context) error {
	if _, err := s.pool.Exec(ctx, `TRUNCATE document_texts`); err != nil {
		return dbError(err)
	}
	for {
		tag, err := s.pool.Exec(ctx, `UPDATE search_messages SET documents = false WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM search_messages WHERE documents LIMIT $1))`, sweepRows)
		if err != nil {
			return dbError(err)
		}
		if tag.RowsAffected() < sweepRows {
			break
		}
	}
	_, err := s.pool.Exec(ctx, `UPDATE search_state SET documents_uid = 0`)
	return dbError(err)
}
