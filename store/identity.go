package store

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// uidJump is how far every uidnext and highestmodseq moves when the database
// is served by another PostgreSQL history: what the old one gave out after the
// fork (an asynchronous standby, a restored backup) is never given again.
const uidJump = 1 << 20

// history names the PostgreSQL history that serves: a system identifier is
// made by initdb, a timeline begins with each promotion or recovery.
type history struct {
	system   int64
	timeline int64
}

// identity is the history that this node's connections belong to.
type identity struct {
	mu    sync.Mutex
	known history // zero until the database is known to be ours
}

// The timeline is read from the write position: the control file's is late
// after a promotion. A standby has none to write.
const sqlHistory = `SELECT system_identifier, CASE WHEN pg_is_in_recovery() THEN 0
	ELSE ('x' || lpad(substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), 16, '0'))::bit(64)::bigint END
	FROM pg_control_system()`

func readHistory(ctx context.Context, c *pgx.Conn) (h history, err error) {
	if err = c.QueryRow(ctx, sqlHistory).Scan(&h.system, &h.timeline); err == nil && h.timeline == 0 {
		err = &mail.Error{Code: mail.CodeUnavailable, Text: "the database is a standby, try again later",
			Hint: "point database_url at the primary, or promote this server"}
	}
	return h, err
}

// settleIdentity runs once the schema is there; from then on every new
// connection is checked.
func (s *Store) settleIdentity(ctx context.Context) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(c)
	s.identity.mu.Lock()
	defer s.identity.mu.Unlock()
	return dbError(s.moveHistory(ctx, c))
}

// checkIdentity is for a new connection: after a failover it may lead to a
// server with another past.
func (s *Store) checkIdentity(ctx context.Context, c *pgx.Conn) error {
	s.identity.mu.Lock()
	defer s.identity.mu.Unlock()
	if s.identity.known == (history{}) {
		return nil
	}
	h, err := readHistory(ctx, c)
	if err != nil || h == s.identity.known {
		return err
	}
	return s.moveHistory(ctx, c)
}

// moveHistory compares the history with the one written in instance, and jumps
// when it is another. The row lock lets one node jump; the others find it done.
func (s *Store) moveHistory(ctx context.Context, c *pgx.Conn) error {
	h, err := readHistory(ctx, c)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		var system, timeline *int64
		err := tx.QueryRow(ctx, "SELECT system_identifier, timeline FROM instance FOR UPDATE").Scan(&system, &timeline)
		if err != nil || system != nil && timeline != nil && (history{*system, *timeline}) == h {
			return err
		}
		if system != nil {
			if err := jump(ctx, tx); err != nil {
				return err
			}
			s.log.Warn("the database has another history than before: UIDs and modseqs moved forward",
				"system_identifier", h.system, "timeline", h.timeline)
		}
		_, err = tx.Exec(ctx, "UPDATE instance SET system_identifier = $1, timeline = $2", h.system, h.timeline)
		return err
	})
	if err == nil {
		s.identity.known = h
	}
	return err
}

// jump moves every mailbox forward. A client may know messages that only the
// other history had: vanished_floor has its next QRESYNC told of every UID
// that is not there (RFC 7162 §5.3).
func jump(ctx context.Context, tx pgx.Tx) error {
	b := &pgx.Batch{}
	b.Queue(`SELECT FROM mailbox_state ORDER BY account_id, mailbox_id FOR NO KEY UPDATE`)
	b.Queue(`INSERT INTO mailbox_changes (`+changeColumns+`)
		SELECT account_id, mailbox_id, highestmodseq + $1, 'c', '{}', uidnext + $1, messages, unseen, deleted, bytes, deleted_bytes
		FROM mailbox_counters`, uidJump)
	b.Queue(`UPDATE mailbox_state s SET vanished_floor = c.highestmodseq FROM mailbox_counters c
		WHERE c.account_id = s.account_id AND c.mailbox_id = s.mailbox_id`)
	return tx.SendBatch(ctx, b).Close()
}
