package store

import (
	"context"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

const (
	failuresFor     = time.Hour // without a further one
	maxFailures     = 1000      // a counter goes no higher: its delay has long been the longest
	maxFailureRows  = 100_000   // that a sweep leaves
	sqlFailureState = `SELECT k.account_id, k.network, f.failures, now() - f.last_at
	FROM unnest($1::bigint[], $2::cidr[]) AS k (account_id, network) CROSS JOIN LATERAL
		(SELECT failures, last_at FROM login_failures x WHERE x.account_id = k.account_id AND x.network = k.network OFFSET 0) f
	WHERE f.last_at > now() - $3::interval`
	sqlSeen = `SELECT ` + today + ` - day FROM logins WHERE account_id = $1 AND network = $2 AND reason = '' ORDER BY day DESC LIMIT 1`
)

// today is the day that the history counts in now.
const today = `(now() AT TIME ZONE 'UTC')::date`

// LoginState gives the failures that a log-in is held back by, and whether the
// account has been in from the network: one round trip, by key. Account 0
// stands for a login that is nobody's.
func (s *Store) LoginState(ctx context.Context, acct mail.AccountID, network netip.Prefix) (mail.LoginState, error) {
	st := mail.LoginState{Counters: map[mail.LoginCounter]mail.LoginFailures{}}
	accounts, networks := []mail.AccountID{0}, []netip.Prefix{network}
	b := &pgx.Batch{}
	if acct != 0 {
		accounts, networks = append(accounts, acct, acct), append(networks, mail.AnyNetwork, network)
	}
	b.Queue(sqlFailureState, accounts, networks, failuresFor).Query(func(rows pgx.Rows) error {
		var c mail.LoginCounter
		var f mail.LoginFailures
		_, err := pgx.ForEachRow(rows, []any{&c.Account, &c.Network, &f.Failures, &f.Age}, func() error {
			st.Counters[c] = f
			return nil
		})
		return err
	})
	if acct != 0 {
		b.Queue(sqlSeen, acct, network).Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&st.SeenDays}, func() error { st.Known = true; return nil })
			return err
		})
	}
	return st, dbError(s.pool.SendBatch(ctx, b).Close())
}

// AddLoginFailures adds to counters and clears others. Rows are taken in the
// order of the key: two servers never wait crosswise.
func (s *Store) AddLoginFailures(ctx context.Context, add map[mail.LoginCounter]int, clear []mail.LoginCounter) error {
	var accounts, gone []mail.AccountID
	var networks, left []netip.Prefix
	var failures []int32
	for c, n := range add {
		accounts, networks, failures = append(accounts, c.Account), append(networks, c.Network), append(failures, int32(min(n, maxFailures)))
	}
	for _, c := range clear {
		gone, left = append(gone, c.Account), append(left, c.Network)
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if len(gone) > 0 {
			_, err := tx.Exec(ctx, `WITH gone AS (SELECT f.account_id, f.network FROM login_failures f
					JOIN unnest($1::bigint[], $2::cidr[]) AS k (account_id, network) USING (account_id, network)
					ORDER BY 1, 2 FOR UPDATE OF f)
				DELETE FROM login_failures f USING gone g WHERE f.account_id = g.account_id AND f.network = g.network`, gone, left)
			if err != nil {
				return err
			}
		}
		if len(accounts) == 0 {
			return nil
		}
		_, err := tx.Exec(ctx, `INSERT INTO login_failures AS f (account_id, network, failures)
			SELECT * FROM unnest($1::bigint[], $2::cidr[], $3::integer[]) ORDER BY 1, 2
			ON CONFLICT (account_id, network) DO UPDATE SET last_at = now(), failures = least($4::integer, excluded.failures +
				CASE WHEN f.last_at > now() - $5::interval THEN f.failures ELSE 0 END)`,
			accounts, networks, failures, maxFailures, failuresFor)
		return err
	})
}

// sweepLoginFailures forgets what no longer counts, and the oldest of too many.
func (s *Store) sweepLoginFailures(ctx context.Context) (int64, error) {
	n, err := s.sweepRows(ctx, `DELETE FROM login_failures WHERE (account_id, network) IN (SELECT account_id, network FROM login_failures
		WHERE last_at < now() - $1::interval LIMIT $2 FOR UPDATE SKIP LOCKED)`, failuresFor)
	if err != nil {
		return n, err
	}
	tag, err := s.pool.Exec(ctx, `DELETE FROM login_failures WHERE (account_id, network) IN (SELECT account_id, network FROM login_failures
		ORDER BY last_at DESC OFFSET $1)`, maxFailureRows)
	return n + tag.RowsAffected(), dbError(err)
}
