package store

import (
	"context"
	"errors"
	"math/bits"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"postroom/internal/mail"
	"postroom/internal/postings"
)

// segment is one of an account's.
type segment struct {
	id     int64
	octets int
}

// When segments are merged: so many that are alike in size, so that every
// message's grams are written once for each tier. A search looks into all
// segments; those above mergeMost stay as they are, which bounds the memory
// that a merge takes.
const (
	mergeWidth = 8
	mergeMost  = 2 << 20 // octets
)

// tier is the size of a segment by powers of mergeWidth.
func (s segment) tier() int { return (bits.Len(uint(s.octets)) + 2) / 3 }

// toMerge picks segments that are to become one; none when all is well. The
// smallest come first: a merge of them makes one for the next tier.
func toMerge(list []segment) []int64 {
	tiers := map[int][]int64{}
	least := 0
	for _, s := range list {
		if s.octets > mergeMost {
			continue
		}
		t := s.tier()
		if tiers[t] = append(tiers[t], s.id); len(tiers[t]) == mergeWidth && (least == 0 || t < least) {
			least = t
		}
	}
	return tiers[least]
}

func queueSegments(b *pgx.Batch, acct mail.AccountID, list *[]segment) {
	b.Queue(`SELECT segment_id, octets FROM search_segments WHERE account_id = $1 ORDER BY account_id, segment_id`, acct).Query(func(rows pgx.Rows) error {
		var one segment
		_, err := pgx.ForEachRow(rows, []any{&one.id, &one.octets}, func() error {
			*list = append(*list, one)
			return nil
		})
		return err
	})
}

// mergeFull merges segments of an account, of which list are all, until no
// tier is full.
func (s *Store) mergeFull(ctx context.Context, acct mail.AccountID, list []segment) error {
	for {
		ids := toMerge(list)
		if len(ids) == 0 {
			return nil
		}
		done, err := s.mergeSegments(ctx, acct, ids)
		if err != nil || !done {
			return err
		}
		list = nil
		if err := s.pinned(ctx, func(b *pgx.Batch) {
			list = nil
			queueSegments(b, acct, &list)
		}); err != nil {
			return err
		}
	}
}

// mergeSegments makes one segment of several, or writes one anew, without the
// messages that are gone. Not done: another node did it.
func (s *Store) mergeSegments(ctx context.Context, acct mail.AccountID, ids []int64) (done bool, err error) {
	from, err := s.readSegments(ctx, acct, ids)
	if err != nil || len(from) < len(ids) {
		return false, err
	}
	known, err := s.knownMessages(ctx, from)
	if err != nil {
		return false, err
	}
	to, err := postings.Merge(from, func(id int64) bool { return known[id] })
	if err != nil {
		return false, &mail.Error{Code: mail.CodeInternal, Text: "the search index cannot be merged", Err: err, Hint: mendIndex}
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error { return replaceSegments(ctx, tx, acct, ids, to) })
	if errors.Is(err, errMerged) {
		return false, nil
	}
	return err == nil, err
}

// errMerged says that segments are not there any more.
var errMerged = errors.New("another node has merged these segments")

const sqlInsertSegment = `WITH s AS (
		INSERT INTO search_segments (account_id, octets, messages) VALUES ($1, $2, $3) RETURNING segment_id
	) INSERT INTO search_blocks (account_id, segment_id, first_gram, data)
	SELECT $1, s.segment_id, x.first, x.data FROM s CROSS JOIN unnest($4::int[], $5::bytea[]) AS x (first, data)`

// replaceSegments puts one segment, unless it is empty, in the place of others.
func replaceSegments(ctx context.Context, tx pgx.Tx, acct mail.AccountID, ids []int64, to postings.Segment) error {
	first, data := columns(to.Blocks)
	var gone int64
	b := searchBatch()
	b.Queue(`DELETE FROM search_segments WHERE account_id = $1 AND segment_id = ANY ($2)`, acct, ids).Exec(func(t pgconn.CommandTag) error {
		gone = t.RowsAffected()
		return nil
	})
	b.Queue(`DELETE FROM search_blocks WHERE account_id = $1 AND segment_id = ANY ($2)`, acct, ids)
	if len(to.Messages) > 0 {
		b.Queue(sqlInsertSegment, acct, to.Octets(), to.Messages, first, data)
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	if gone < int64(len(ids)) {
		return errMerged
	}
	return nil
}

const (
	sqlReadSegments = `SELECT s.segment_id, s.messages FROM unnest($2::bigint[]) AS i (id) CROSS JOIN LATERAL
		(SELECT * FROM search_segments x WHERE x.account_id = $1 AND x.segment_id = i.id OFFSET 0) s`
	sqlReadBlocks = `SELECT b.segment_id, b.first_gram, b.data FROM unnest($2::bigint[]) AS i (id) CROSS JOIN LATERAL
		(SELECT * FROM search_blocks x WHERE x.account_id = $1 AND x.segment_id = i.id ORDER BY x.account_id, x.segment_id, x.first_gram OFFSET 0) b`
)

// readSegments gives those that are there.
func (s *Store) readSegments(ctx context.Context, acct mail.AccountID, ids []int64) (out []postings.Segment, err error) {
	err = s.pinnedBy(ctx, sqlPinSearch, func(b *pgx.Batch) {
		out = nil
		at := map[int64]int{}
		b.Queue(sqlReadSegments, acct, ids).Query(func(rows pgx.Rows) error {
			var id int64
			var messages []int64
			_, err := pgx.ForEachRow(rows, []any{&id, &messages}, func() error {
				at[id], out = len(out), append(out, postings.Segment{Messages: messages})
				return nil
			})
			return err
		})
		b.Queue(sqlReadBlocks, acct, ids).Query(func(rows pgx.Rows) error {
			var id int64
			var first int32
			var data []byte
			_, err := pgx.ForEachRow(rows, []any{&id, &first, &data}, func() error {
				if i, ok := at[id]; ok {
					out[i].Blocks = append(out[i].Blocks, postings.Block{First: first, Data: data})
				}
				return nil
			})
			return err
		})
	})
	return out, err
}

// knownMessages gives those of the segments' messages that are not gone.
func (s *Store) knownMessages(ctx context.Context, from []postings.Segment) (map[int64]bool, error) {
	var all []int64
	for _, seg := range from {
		all = append(all, seg.Messages...)
	}
	known := make(map[int64]bool, len(all))
	err := s.pinned(ctx, func(b *pgx.Batch) {
		b.Queue(`SELECT m.message_id FROM unnest($1::bigint[]) AS x (id) CROSS JOIN LATERAL
			(SELECT message_id FROM search_messages k WHERE k.message_id = x.id OFFSET 0) m`, all).Query(func(rows pgx.Rows) error {
			var id int64
			_, err := pgx.ForEachRow(rows, []any{&id}, func() error { known[id] = true; return nil })
			return err
		})
	})
	return known, err
}
