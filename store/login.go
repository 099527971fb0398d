package store

import (
	"context"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// loginsFor is how long the history is kept.
const loginsFor = 90 * 24 * time.Hour

// sqlRecordLogins adds to the rows of today. A failure whose address is no
// account's is not kept: there is nobody to tell it. What several addresses of
// one account make alike is summed before it meets its row.
const sqlRecordLogins = `INSERT INTO logins AS l
		(account_id, network, day, protocol, mechanism, credential_id, reason, client, tls, peer, count)
	SELECT CASE WHEN x.account_id <> 0 THEN x.account_id ELSE a.account_id END, x.network, ` + today + `, x.protocol, x.mechanism,
		x.credential_id, x.reason, x.client, max(x.tls), max(x.peer), sum(x.count)
	FROM unnest($1::bigint[], $2::text[], $3::text[], $4::cidr[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[],
		$11::inet[], $12::integer[]) AS x (account_id, domain, local_key, network, protocol, credential_id, reason, client, mechanism, tls, peer, count)
	LEFT JOIN domains d ON d.name = x.domain
	LEFT JOIN LATERAL (SELECT account_id FROM addresses y WHERE y.domain_id = d.id AND y.local_key = x.local_key OFFSET 0) a ON true
	WHERE x.account_id <> 0 OR a.account_id IS NOT NULL
	GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
	ON CONFLICT (account_id, network, day, protocol, mechanism, credential_id, reason, client) DO UPDATE SET count = l.count + excluded.count,
		last_at = now(), tls = excluded.tls, peer = excluded.peer`

// RecordLogins adds log-ins to the history: one statement.
func (s *Store) RecordLogins(ctx context.Context, all []mail.Login) error {
	var accounts, credentials []int64
	var domains, locals, protocols, reasons, clients, mechanisms, versions []string
	var networks []netip.Prefix
	var peers []netip.Addr
	var counts []int32
	for _, l := range all {
		accounts, credentials = append(accounts, int64(l.Account)), append(credentials, int64(l.Credential))
		domains, locals = append(domains, clean(l.Address.Domain)), append(locals, clean(address.Key(l.Address.Local)))
		protocols, reasons, clients = append(protocols, l.Protocol), append(reasons, l.Reason), append(clients, safeText(l.Client))
		mechanisms, versions = append(mechanisms, clean(l.Mechanism)), append(versions, l.TLS)
		networks, peers, counts = append(networks, l.Network), append(peers, l.Peer), append(counts, int32(l.Count))
	}
	_, err := s.pool.Exec(ctx, sqlRecordLogins, accounts, domains, locals, networks, protocols, credentials, reasons, clients,
		mechanisms, versions, peers, counts)
	return dbError(err)
}

// Logins gives an account's history, newest first.
func (s *Store) Logins(ctx context.Context, acct mail.AccountID, f mail.LoginFilter) ([]mail.Login, error) {
	rows, err := s.pool.Query(ctx, `SELECT l.account_id, l.credential_id, coalesce(c.label, ''), l.network, l.peer, l.protocol, l.mechanism,
			l.client, l.tls, l.reason, l.count, l.first_at, l.last_at
		FROM logins l LEFT JOIN credentials c ON c.id = l.credential_id
		WHERE l.account_id = $1 AND (l.reason <> '' OR NOT $2)
		ORDER BY l.last_at DESC, l.first_at DESC, l.network LIMIT nullif($3, 0)`, acct, f.Failed, f.Limit)
	if err != nil {
		return nil, dbError(err)
	}
	out, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (l mail.Login, err error) {
		err = r.Scan(&l.Account, &l.Credential, &l.Label, &l.Network, &l.Peer, &l.Protocol, &l.Mechanism,
			&l.Client, &l.TLS, &l.Reason, &l.Count, &l.FirstAt, &l.LastAt)
		return l, err
	})
	return out, dbError(err)
}

func (s *Store) sweepLogins(ctx context.Context) (int64, error) {
	n, err := s.sweepLoginFailures(ctx)
	if err != nil {
		return n, err
	}
	old, err := s.sweepRows(ctx, `DELETE FROM logins WHERE (account_id, network, day, protocol, mechanism, credential_id, reason, client) IN
		(SELECT account_id, network, day, protocol, mechanism, credential_id, reason, client FROM logins
		WHERE day < ((now() - $1::interval) AT TIME ZONE 'UTC')::date LIMIT $2 FOR UPDATE SKIP LOCKED)`, loginsFor)
	return n + old, err
}
