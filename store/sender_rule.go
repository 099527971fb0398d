package store

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// ruleColumns reads a rule r with the domain d of its scope.
const ruleColumns = `CASE WHEN d.id IS NULL THEN r.scope ELSE 0 END, coalesce(d.name, ''), r.network, r.sender, r.allow, r.note, r.created_at`

// sqlSenderRules finds what fits one of the senders $1 and networks $2, by key
// alone (pinned.go). A sender has few networks: they are read together.
const sqlSenderRules = `SELECT ` + ruleColumns + ` FROM (
		SELECT x.* FROM unnest($1::text[]) AS q (sender) CROSS JOIN LATERAL
			(SELECT * FROM sender_rules x WHERE x.sender = q.sender OFFSET 0) x WHERE x.network = '' OR x.network = ANY ($2::text[])
		UNION ALL
		SELECT x.* FROM unnest($2::text[]) AS q (network) CROSS JOIN LATERAL
			(SELECT * FROM sender_rules x WHERE x.sender = '' AND x.network = q.network OFFSET 0) x) r
	LEFT JOIN LATERAL (SELECT id, name FROM domains d WHERE d.id = r.scope OFFSET 0) d ON true`

// SenderRules gives every rule that fits a peer and reverse-path, whomever it
// holds for.
func (s *Store) SenderRules(ctx context.Context, peer netip.Addr, from mail.Address) ([]mail.SenderRule, error) {
	rows, err := s.pool.Query(ctx, sqlSenderRules, senderKeys(from), networkKeys(peer))
	if err != nil {
		return nil, dbError(err)
	}
	out, err := pgx.CollectRows(rows, scanRule)
	return out, dbError(err)
}

// senderKeys gives what a rule may name to fit a reverse-path: itself, its
// domain and those above.
func senderKeys(from mail.Address) []string {
	if from.IsNull() {
		return nil
	}
	keys := []string{recipientKey(from)}
	for d := from.Domain; d != ""; _, d, _ = strings.Cut(d, ".") {
		keys = append(keys, clean(d))
	}
	return keys
}

// networkKeys gives what a rule may name to fit a peer: every network that
// holds it.
func networkKeys(peer netip.Addr) (keys []string) {
	peer = peer.Unmap().WithZone("")
	for bits := range peer.BitLen() + 1 {
		if p, err := peer.Prefix(bits); err == nil && mail.RuleNetwork(p) {
			keys = append(keys, p.String())
		}
	}
	return keys
}

func networkKey(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return p.Masked().String()
}

func scanRule(r pgx.CollectableRow) (x mail.SenderRule, err error) {
	var network string
	err = r.Scan(&x.Account, &x.Domain, &network, &x.Sender, &x.Allow, &x.Note, &x.CreatedAt)
	x.Network, _ = netip.ParsePrefix(network)
	return x, err
}

// SenderRuleList lists the rules of one scope (an account's, a domain's, those
// for everybody), or of all, newest first.
func (s *Store) SenderRuleList(ctx context.Context, all bool, of mail.SenderRule) ([]mail.SenderRule, error) {
	scope, err := ruleScope(ctx, s.pool, of)
	if err != nil {
		return nil, dbError(err)
	}
	rows, err := s.pool.Query(ctx, `SELECT `+ruleColumns+` FROM sender_rules r LEFT JOIN domains d ON d.id = r.scope
		WHERE $1 OR r.scope = $2 ORDER BY r.created_at DESC, r.sender, r.network, r.scope`, all, scope)
	if err != nil {
		return nil, dbError(err)
	}
	out, err := pgx.CollectRows(rows, scanRule)
	return out, dbError(err)
}

type rowQuerier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// ruleScope gives the column scope of a rule.
func ruleScope(ctx context.Context, q rowQuerier, x mail.SenderRule) (id int64, err error) {
	if x.Account != 0 || x.Domain == "" {
		return int64(x.Account), nil
	}
	err = q.QueryRow(ctx, `SELECT id FROM domains WHERE name = $1`, x.Domain).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, noDomain(x.Domain)
	}
	return id, err
}

// SetSenderRule writes a rule; it replaces one of the same sender, network and
// scope.
func (s *Store) SetSenderRule(ctx context.Context, actor mail.Actor, x mail.SenderRule) error {
	return s.inTx(ctx, func(tx pgx.Tx) error { return s.setSenderRule(ctx, tx, actor, x) })
}

func (s *Store) setSenderRule(ctx context.Context, tx pgx.Tx, actor mail.Actor, x mail.SenderRule) error {
	if x.Network.IsValid() && !mail.RuleNetwork(x.Network) {
		return mail.Errorf(mail.CodeInvalid, "a rule cannot name the network %s", x.Network)
	}
	scope, err := ruleScope(ctx, tx, x)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO sender_rules (sender, network, scope, allow, note) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (sender, network, scope) DO UPDATE SET allow = excluded.allow, note = excluded.note, created_at = now()`,
		clean(x.Sender), networkKey(x.Network), scope, x.Allow, safeText(x.Note))
	if err != nil {
		return err
	}
	action := "sender.block"
	if x.Allow {
		action = "sender.allow"
	}
	return s.auditRule(ctx, tx, actor, action, x)
}

// RemoveSenderRule takes a rule off its list, whether it allows or blocks.
// CodeNotFound when there is none.
func (s *Store) RemoveSenderRule(ctx context.Context, actor mail.Actor, x mail.SenderRule) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		scope, err := ruleScope(ctx, tx, x)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `DELETE FROM sender_rules WHERE sender = $1 AND network = $2 AND scope = $3`,
			clean(x.Sender), networkKey(x.Network), scope)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return mail.Errorf(mail.CodeNotFound, "there is no such entry")
		}
		return s.auditRule(ctx, tx, actor, "sender.remove", x)
	})
}

func (s *Store) auditRule(ctx context.Context, tx pgx.Tx, actor mail.Actor, action string, x mail.SenderRule) error {
	what := detail{"network": networkKey(x.Network)}
	if x.Account != 0 {
		what["account"] = int64(x.Account)
	}
	if x.Domain != "" {
		what["domain"] = x.Domain
	}
	return s.audit(ctx, tx, actor, action, x.Sender, what)
}

// KnownSender tells to which of the accounts a sender is known: they wrote to
// it.
func (s *Store) KnownSender(ctx context.Context, accounts []mail.AccountID, from mail.Address) ([]mail.AccountID, error) {
	rows, err := s.pool.Query(ctx, `SELECT a.id FROM unnest($1::bigint[]) AS a (id) CROSS JOIN LATERAL
		(SELECT FROM known_recipients k WHERE k.account_id = a.id AND k.recipient = $2 OFFSET 0) k`, accounts, recipientKey(from))
	if err != nil {
		return nil, dbError(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[mail.AccountID])
	return out, dbError(err)
}
