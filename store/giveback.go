package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// purgedTables are those that a purge takes rows from, or whose old versions
// pile up beside it.
var purgedTables = []string{"messages", "mailbox_messages", "expunged", "mailbox_changes", "blobs", "blob_refs", "blob_orphans",
	"accepted", "mailbox_state", "search_messages", "search_segments", "search_blocks", "search_state", "document_texts", "delivery_events", "queue_entries", "queue_messages"}

// rewriteSlack is what a table may be larger than it need be.
const rewriteSlack = 64 << 10

// giveBack returns the room of removed rows to the file system.
func (s *Store) giveBack(ctx context.Context) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(c)
	rows, err := c.Query(ctx, `SELECT DISTINCT coalesce(t.relid, r.oid)::regclass::text FROM unnest($1::text[]::regclass[]) AS r (oid)
		LEFT JOIN LATERAL pg_partition_tree(r.oid) t ON true WHERE coalesce(t.isleaf, true) ORDER BY 1`, purgedTables)
	if err != nil {
		return dbError(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return dbError(err)
	}
	if _, err := c.Exec(ctx, "SET lock_timeout = '30s'"); err != nil {
		return dbError(err)
	}
	for _, t := range tables {
		if err := s.reclaim(ctx, c, t); err != nil {
			return dbError(err)
		}
	}
	return nil
}

// reclaim vacuums a table. Plain VACUUM gives back only empty pages at the
// end of a table and none of an index, so a table that is much larger than its
// rows need is rewritten.
func (s *Store) reclaim(ctx context.Context, c *pgx.Conn, table string) error {
	if _, err := c.Exec(ctx, "VACUUM (ANALYZE) "+table); err != nil {
		return err
	}
	size, need, err := room(ctx, c, table)
	if err != nil || size <= need+rewriteSlack {
		return err
	}
	_, err = c.Exec(ctx, "VACUUM (FULL, ANALYZE) "+table)
	var pe *pgconn.PgError
	if errors.As(err, &pe) && pe.Code == "55P03" {
		s.log.Warn("table not rewritten: it is in use", "table", table, "bytes", size)
		return nil
	}
	return err
}

// room gives a table's size with its indexes, and about what its rows need at
// most: a row of more than half a page has a page of its own, index pages are
// half full at worst.
func room(ctx context.Context, c *pgx.Conn, table string) (size, need int64, err error) {
	var rows, width float64
	var indexes int64
	err = c.QueryRow(ctx, `SELECT greatest(reltuples, 0), pg_total_relation_size(oid),
		(SELECT count(*) FROM pg_index WHERE indrelid = c.oid) FROM pg_class c WHERE oid = $1::text::regclass`, table).Scan(&rows, &size, &indexes)
	if err != nil || rows == 0 {
		return size, 0, err
	}
	sample := min(100, 100*1000/rows)
	err = c.QueryRow(ctx, fmt.Sprintf("SELECT coalesce(avg(pg_column_size(t)), 8192) FROM %s t TABLESAMPLE SYSTEM (%f)", table, sample)).Scan(&width)
	return size, int64(rows*(width+32)*2.1) + int64(rows)*indexes*80, err
}
