package store

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"postroom/internal/mail"
)

// dbError turns what pgx says into an error of internal/mail whose text shows
// no SQL. nil and errors that carry a code already pass unchanged.
func dbError(err error) error {
	if err == nil {
		return nil
	}
	var me *mail.Error
	if errors.As(err, &me) {
		return err
	}
	switch code := codeOf(err); code {
	case mail.CodeStorageFull:
		return mail.Wrap(code, err, "storage is full, try again later")
	case mail.CodeUnavailable:
		return mail.Wrap(code, err, "temporarily unavailable, try again later")
	case mail.CodeNotFound:
		return mail.Wrap(code, err, "not found")
	case mail.CodeExists:
		return mail.Wrap(code, err, "exists already")
	case mail.CodeInUse:
		return mail.Wrap(code, err, "still in use")
	case mail.CodeNoPermission:
		return mail.Wrap(code, err, "you may not do that any more")
	default:
		return mail.Wrap(code, err, "internal error")
	}
}

func codeOf(err error) mail.Code {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return codeOfState(pe.Code)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return mail.CodeNotFound
	}
	if connectionLost(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return mail.CodeUnavailable
	}
	return mail.CodeInternal
}

// codeOfState maps an SQLSTATE: what an administrator can cure, or time does,
// is temporary for the peer.
func codeOfState(state string) mail.Code {
	switch state {
	case "53100": // disk_full
		return mail.CodeStorageFull
	case "23505": // unique_violation
		return mail.CodeExists
	case "23503": // foreign_key_violation
		return mail.CodeInUse
	case "22012": // division_by_zero: sqlNeeds
		return mail.CodeNoPermission
	case "40001", "40P01", "55P03", "25006", "58030", "25P03": // serialization, deadlock, lock timeout, standby, i/o, idle timeout
		return mail.CodeUnavailable
	}
	switch state[:min(2, len(state))] {
	case "08", "53", "57": // connection, resources, operator intervention
		return mail.CodeUnavailable
	}
	return mail.CodeInternal
}

// connectionLost tells whether the connection itself broke, so that the fate
// of what was sent on it is unknown.
func connectionLost(err error) bool {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		// The server says these on its way out: FATAL ends the connection.
		return pe.Severity == "FATAL" || pe.Severity == "PANIC" || strings.HasPrefix(pe.Code, "08")
	}
	var ce *pgconn.ConnectError
	var ne net.Error
	return errors.As(err, &ce) || errors.As(err, &ne) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err) ||
		strings.Contains(err.Error(), "conn closed")
}

// repeatable tells an error after which the same transaction may well succeed.
func repeatable(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == "40001" || pe.Code == "40P01")
}
