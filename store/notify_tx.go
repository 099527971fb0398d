package store

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// notifyTx tells the other nodes of a change with the commit of tx. It is for
// administrative actions only, which are rare enough for the lock that NOTIFY
// takes at commit: a command line that ends right after its commit must still
// end the sessions of an account it disabled.
func (s *Store) notifyTx(ctx context.Context, tx pgx.Tx, word string) error {
	_, err := tx.Exec(ctx, `SELECT pg_notify($1, $2)`, notifyChannel, strconv.FormatInt(s.hub.node, 36)+" "+word)
	return err
}

// The words of a notification, as hub.take writes them.
const wordQueue = "q"

func wordAccount(acct mail.AccountID) string { return strconv.FormatInt(int64(acct), 36) + ".0.0" }
