package store

import (
	"context"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
	"postroom/migrations"
)

// migrateLock is the advisory lock that lets one node migrate at a time.
const migrateLock = 0x706f7374726f6f6d // "postroom"

type migration struct {
	version int
	name    string
	sql     string
}

// loadMigrations reads NNNN_name.sql in order and insists on 1, 2, 3 …
func loadMigrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "[0-9]*.sql")
	if err != nil {
		return nil, err
	}
	var ms []migration
	for i, n := range names {
		number, _, _ := strings.Cut(n, "_")
		v, err := strconv.Atoi(number)
		if err != nil || v != i+1 {
			return nil, fmt.Errorf("migration %s: its number is not %04d", n, i+1)
		}
		b, err := fs.ReadFile(files, n)
		if err != nil {
			return nil, err
		}
		ms = append(ms, migration{v, strings.TrimSuffix(n, ".sql"), string(b)})
	}
	return ms, nil
}

// Migrate brings the schema up to this program's version, one transaction per
// migration, under an advisory lock. A newer database is refused with
// mail.CodeConflict.
func (s *Store) Migrate(ctx context.Context) error {
	return s.migrateTo(ctx, migrations.Files)
}

func (s *Store) migrateTo(ctx context.Context, files fs.FS) error {
	ms, err := loadMigrations(files)
	if err != nil {
		return mail.Wrap(mail.CodeInternal, err, "the migrations are damaged")
	}
	// A connection of its own: the session lock ends with it, come what may.
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	if _, err := c.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(migrateLock)); err != nil {
		return dbError(err)
	}
	at, err := schemaVersion(ctx, c)
	if err != nil {
		return dbError(err)
	}
	if at > len(ms) {
		return newerError(at, len(ms))
	}
	for _, m := range ms[at:] {
		if err := apply(ctx, c, m); err != nil {
			return dbError(fmt.Errorf("migration %s: %w", m.name, err))
		}
		s.log.Info("schema migrated", "migration", m.name)
	}
	return nil
}

func apply(ctx context.Context, c *pgx.Conn, m migration) error {
	return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		if m.version == 1 {
			if _, err := tx.Exec(ctx, createVersions); err != nil {
				return err
			}
		}
		// The simple protocol takes a file of many statements.
		if _, err := tx.Conn().PgConn().Exec(ctx, m.sql).ReadAll(); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO schema_migrations (version, name) VALUES ($1, $2)", m.version, m.name)
		return err
	})
}

// createVersions stands here and not in a file: the runner needs the table to
// know which files ran. schema.sql shows it too.
const createVersions = `CREATE TABLE schema_migrations (
    version    integer PRIMARY KEY,
    name       text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)`

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// schemaVersion gives the last applied migration, 0 on an empty database.
func schemaVersion(ctx context.Context, q querier) (int, error) {
	var known bool
	err := q.QueryRow(ctx, "SELECT to_regclass('schema_migrations') IS NOT NULL").Scan(&known)
	if err != nil || !known {
		return 0, err
	}
	var v int
	err = q.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM schema_migrations").Scan(&v)
	return v, err
}

// checkVersion refuses a database that is not exactly at this program's schema.
func (s *Store) checkVersion(ctx context.Context) error {
	ms, err := loadMigrations(migrations.Files)
	if err != nil {
		return mail.Wrap(mail.CodeInternal, err, "the migrations are damaged")
	}
	at, err := schemaVersion(ctx, s.pool)
	if err != nil {
		return dbError(err)
	}
	if at > len(ms) {
		return newerError(at, len(ms))
	}
	if at < len(ms) {
		return &mail.Error{Code: mail.CodeConflict,
			Text: fmt.Sprintf("the database has schema %d, this postroom needs %d", at, len(ms)),
			Hint: "run postroom migrate, or start postroom serve, which migrates"}
	}
	return nil
}

func newerError(at, known int) error {
	return &mail.Error{Code: mail.CodeConflict,
		Text: fmt.Sprintf("the database has schema %d, this postroom knows only %d: it is too old", at, known),
		Hint: "start the postroom version that migrated it, or a newer one"}
}
