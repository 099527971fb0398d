package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// fateWait is how long the fate of a transaction is asked for before the
// sender hears 451. A crashed PostgreSQL is usually back by then.
const fateWait = 20 * time.Second

// errAborted says that a COMMIT without an answer did not happen: the
// connection was lost, the transaction with it.
var errAborted = errors.New("the connection broke before the commit")

// commit sends COMMIT. A COMMIT that PostgreSQL turned into a rollback is an
// error.
func commit(ctx context.Context, c *pgx.Conn) error {
	tag, err := c.Exec(ctx, "COMMIT")
	if err == nil && tag.String() != "COMMIT" {
		return errors.New("the transaction was rolled back at commit")
	}
	return err
}

// afterLostCommit finds out what an error of COMMIT means: nil when the
// transaction is committed all the same. An error that came as the server's
// answer is final; a lost answer is asked for on a new connection.
func (s *Store) afterLostCommit(err error, xid string, u *unit) error {
	if !connectionLost(err) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	s.log.Warn("answer to COMMIT lost, asking for its fate", "error", err)
	ctx, cancel := context.WithTimeout(context.Background(), fateWait)
	defer cancel()
	for {
		committed, asked := s.fate(ctx, xid, u)
		if asked == nil && committed {
			return nil
		}
		if asked == nil {
			return errors.Join(errAborted, err)
		}
		if !sleep(ctx, 100*time.Millisecond) {
			s.log.Error("the fate of a delivery is unknown", "xid", xid, "error", asked)
			return errUnknownFate
		}
	}
}

// errUnknownFate is not repeated here: the sender's retry is recognised by its
// fingerprint if the transaction did commit.
var errUnknownFate = dbError(context.DeadlineExceeded)

var errInProgress = errors.New("still in progress")

// fate asks whether the transaction committed. On a server that took over
// from another (failover, restore) the same xid may belong to a transaction of
// its own, so a row of ours must be there too; it is looked for after the
// status was given, with a newer snapshot.
func (s *Store) fate(ctx context.Context, xid string, u *unit) (bool, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return false, err
	}
	defer closeConn(c)
	var status *string
	err = c.QueryRow(ctx, "SELECT pg_xact_status($1::text::xid8)", xid).Scan(&status)
	var pe *pgconn.PgError
	switch {
	case errors.As(err, &pe) && pe.Code == "22023": // an xid that this server has not reached
		return false, nil
	case err != nil:
		return false, err
	case status != nil && *status == "in progress":
		return false, errInProgress
	}
	var there bool
	err = c.QueryRow(ctx, "SELECT EXISTS (SELECT FROM blob_refs WHERE blob_id = $1)", int64(u.blobs[0].id)).Scan(&there)
	return there, err
}
