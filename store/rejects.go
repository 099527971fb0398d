package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// rejectsMax is how many rejects of one account are kept.
const rejectsMax = 500

// sqlRejects writes rejects; those that are the same as one that is there count
// for it.
const sqlRejects = `INSERT INTO rejects AS r (account_id, id, same, at, count, network, sender, header_from, subject, action, reason, trace_id)
	SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::timestamptz[], $5::int[], $6::text[], $7::text[], $8::text[], $9::text[],
		$10::text[], $11::text[], $12::bigint[]) ORDER BY 1, 3
	ON CONFLICT (account_id, same) DO UPDATE SET at = greatest(r.at, excluded.at), count = r.count + excluded.count, reason = excluded.reason,
		header_from = excluded.header_from, subject = excluded.subject, trace_id = excluded.trace_id`

// sqlRejectsOver drops what an account has too many of, the oldest first.
const sqlRejectsOver = `DELETE FROM rejects r USING (SELECT DISTINCT unnest($1::bigint[]) AS id) a CROSS JOIN LATERAL
		(SELECT x.id FROM rejects x WHERE x.account_id = a.id ORDER BY x.at DESC, x.id DESC OFFSET $2) old
	WHERE r.account_id = a.id AND r.id = old.id`

// RecordRejects writes what was refused, junked or greylisted, in one
// transaction, and keeps the newest 500 of each account. Two of the same
// account, action, network and sender are one; two junked messages never are.
func (s *Store) RecordRejects(ctx context.Context, all []mail.Reject) error {
	if len(all) == 0 {
		return nil
	}
	var c rejectColumns
	at := map[string]int{}
	for _, r := range all {
		same := sameReject(r)
		key := fmt.Sprintf("%d %x", r.Account, same)
		if i, ok := at[key]; ok { // a row may be touched once in a statement
			c.counts[i] += int32(max(r.Count, 1))
			continue
		}
		at[key] = len(c.ids)
		c.add(s.NewID(), same, r)
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlRejects, c.accounts, c.ids, c.same, c.at, c.counts, c.networks, c.senders, c.froms, c.subjects,
			c.actions, c.reasons, c.traces); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sqlRejectsOver, c.accounts, rejectsMax)
		return err
	})
}

// sameReject is what makes two rejects of an account one.
func sameReject(r mail.Reject) []byte {
	what := fmt.Sprintf("%s\n%s\n%s", r.Action, networkKey(r.Network), r.Sender)
	if r.Action == mail.RejectJunked {
		what += "\n" + r.Trace.String()
	}
	sum := sha256.Sum256([]byte(what))
	return sum[:]
}

type rejectColumns struct {
	accounts, ids, traces                                []int64
	same                                                 [][]byte
	at                                                   []time.Time
	counts                                               []int32
	networks, senders, froms, subjects, actions, reasons []string
}

func (c *rejectColumns) add(id int64, same []byte, r mail.Reject) {
	c.accounts, c.ids, c.traces = append(c.accounts, int64(r.Account)), append(c.ids, id), append(c.traces, int64(r.Trace))
	c.same, c.at, c.counts = append(c.same, same), append(c.at, r.At), append(c.counts, int32(max(r.Count, 1)))
	c.networks, c.senders = append(c.networks, networkKey(r.Network)), append(c.senders, clean(r.Sender.String()))
	c.froms, c.subjects = append(c.froms, safeText(r.From)), append(c.subjects, safeText(r.Subject))
	c.actions, c.reasons = append(c.actions, string(r.Action)), append(c.reasons, safeText(r.Reason))
}

const selectRejects = `SELECT account_id, id, at, count, network, sender, header_from, subject, action, reason, trace_id FROM rejects`

func scanReject(row pgx.CollectableRow) (r mail.Reject, err error) {
	var network, sender string
	err = row.Scan(&r.Account, &r.ID, &r.At, &r.Count, &network, &sender, &r.From, &r.Subject, &r.Action, &r.Reason, &r.Trace)
	r.Network, _ = netip.ParsePrefix(network)
	r.Sender = splitAddress(sender)
	return r, err
}

// Rejects lists an account's, newest first.
func (s *Store) Rejects(ctx context.Context, id mail.AccountID) ([]mail.Reject, error) {
	rows, err := s.pool.Query(ctx, selectRejects+` WHERE account_id = $1 ORDER BY at DESC, id DESC`, id)
	if err != nil {
		return nil, dbError(err)
	}
	out, err := pgx.CollectRows(rows, scanReject)
	return out, dbError(err)
}

// Reject gives one of an account's. CodeNotFound when it is not there.
func (s *Store) Reject(ctx context.Context, acct mail.AccountID, id int64) (mail.Reject, error) {
	rows, err := s.pool.Query(ctx, selectRejects+` WHERE account_id = $1 AND id = $2`, acct, id)
	if err != nil {
		return mail.Reject{}, dbError(err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanReject)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, mail.Errorf(mail.CodeNotFound, "there is no such line in the account's rejects")
	}
	return r, dbError(err)
}

// ReleaseReject takes a line off an account's rejects and writes the rule by
// which the next try is taken.
func (s *Store) ReleaseReject(ctx context.Context, actor mail.Actor, r mail.Reject, rule mail.SenderRule) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM rejects WHERE account_id = $1 AND id = $2`, r.Account, r.ID)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return mail.Errorf(mail.CodeNotFound, "it was released already")
		}
		if err := s.setSenderRule(ctx, tx, actor, rule); err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "reject.release", address.Display(r.Sender),
			detail{"account": int64(r.Account), "action": r.Action, "reason": r.Reason})
	})
}
