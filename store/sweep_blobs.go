package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// sweepBlobs removes blobs that lost a user longer than age ago and have none.
//
// Whoever removes a ref puts the blob into blob_orphans in the same
// transaction. A new ref to an old blob can only come from a transaction that
// found one of its refs, so from one that began before the last ref went. age
// is longer than any transaction of ours lives, so that transaction is over,
// and the statement that looks for refs, which is younger still, sees what it
// wrote. A ref that goes just now sets orphan_at anew on the row that is
// deleted here: one of the two waits for the other and finds the row changed
// or gone (then it is inserted again), so no orphan is forgotten.
func (s *Store) sweepBlobs(ctx context.Context, age time.Duration) (total int64, err error) {
	for {
		var seen, gone int64
		err := s.inTx(ctx, func(tx pgx.Tx) (err error) {
			seen, gone, err = sweepBlobsSlice(ctx, tx, age)
			return err
		})
		total += gone
		if err != nil || seen < sweepBlobRows {
			return total, err
		}
	}
}

// sweepBlobRows keeps a transaction short: a blob may have 60 chunks.
const sweepBlobRows = 200

func sweepBlobsSlice(ctx context.Context, tx pgx.Tx, age time.Duration) (seen, gone int64, err error) {
	rows, err := tx.Query(ctx, `DELETE FROM blob_orphans o USING (
			SELECT blob_id FROM blob_orphans WHERE orphan_at <= now() - $1::interval
			ORDER BY blob_id LIMIT $2 FOR UPDATE SKIP LOCKED) old
		WHERE o.blob_id = old.blob_id RETURNING o.blob_id`, age, sweepBlobRows)
	if err != nil {
		return 0, 0, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil || len(ids) == 0 {
		return 0, 0, err
	}
	// A statement of its own: its snapshot is younger than the locks above.
	err = tx.QueryRow(ctx, `WITH gone AS (
			DELETE FROM blobs b WHERE b.blob_id = ANY ($1)
				AND NOT EXISTS (SELECT FROM blob_refs r WHERE r.blob_id = b.blob_id) RETURNING b.blob_id, b.chunk
		), texts AS (
			DELETE FROM document_texts t USING gone g WHERE t.blob_id = g.blob_id AND g.chunk = 0)
		SELECT count(*) FILTER (WHERE chunk = 0) FROM gone`, ids).Scan(&gone)
	return int64(len(ids)), gone, err
}
