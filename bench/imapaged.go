package main

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// pass is how the rows are measured once.
type pass struct {
	secure bool
	stale  bool // with statistics of empty tables
}

func (p pass) String() string {
	over := "plain"
	if p.secure {
		over = "TLS"
	}
	if p.stale {
		over += ", stale statistics"
	}
	return over
}

// wants leaves out of a pass with stale statistics what does not ask
// PostgreSQL while it is measured.
func (p pass) wants(row imapRow) bool { return !p.stale || !row.once }

// measureAged measures the aged store: how the hundredth execution of a command
// compares with the first, then, with stale statistics, that and the rows once
// more, over plain text only.
func (t *imapTable) measureAged(ctx context.Context, r *rig, o options, ours, theirs *imapSide) ([]figure, error) {
	out, err := t.hundredth(ctx, o, ours, "fresh statistics")
	if err != nil {
		return nil, err
	}
	if err := staleStatistics(ctx, r.database); err != nil {
		return nil, err
	}
	// Sessions and plans of PostgreSQL begin anew.
	if err := r.restart(ctx); err != nil {
		return nil, err
	}
	figures, err := t.run(ctx, o, ours, theirs, pass{stale: true})
	if err != nil {
		return nil, err
	}
	out = append(out, figures...)
	figures, err = t.hundredth(ctx, o, ours, "stale statistics")
	return append(out, figures...), err
}

func freshStatistics(ctx context.Context, database string) error {
	return execute(ctx, database, "VACUUM (ANALYZE)")
}

// staleStatistics makes PostgreSQL's statistics what ANALYZE leaves of empty
// tables, and has no autovacuum mend them. What the rows before left behind is
// vacuumed away first: it is no matter of statistics.
func staleStatistics(ctx context.Context, database string) error {
	return execute(ctx, database, "VACUUM", `DO $$ DECLARE r record; BEGIN
		FOR r IN SELECT oid::regclass AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
			EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = false)', r.name);
		END LOOP;
		DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace);
		UPDATE pg_class SET reltuples = 0, relpages = 0, relallvisible = 0
			WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i');
		END $$`)
}

// execute runs statements, each in a transaction of its own.
func execute(ctx context.Context, database string, statements ...string) error {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
