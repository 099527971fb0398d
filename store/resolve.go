package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// maxAliasDepth bounds aliases that lead to aliases. A loop is cut where an
// address comes up for the second time.
const maxAliasDepth = 10

// lookupSQL finds, for each asked address, the row of addresses that takes its
// mail: the exact one, else the one without +tag, else the catch-all. An
// address of a deleted account takes none. No row comes back for a domain that
// is not ours.
const lookupSQL = `SELECT q.n, d.id, x.local_key, a.id, a.disabled_at IS NOT NULL, a.quota_bytes, ` + usedOfQuota + `, ` + fullOfMessages + `, t.targets
	FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS q(domain, exact, base, n)
	JOIN domains d ON d.name = q.domain
	LEFT JOIN LATERAL (
		SELECT c.local_key, c.account_id FROM addresses c
		WHERE c.domain_id = d.id AND c.local_key IN (q.exact, q.base, '')
			AND NOT EXISTS (SELECT FROM accounts g WHERE g.id = c.account_id AND g.deleted_at IS NOT NULL)
		ORDER BY c.local_key = q.exact DESC, c.local_key = q.base DESC LIMIT 1
	) x ON true
	LEFT JOIN accounts a ON a.id = x.account_id
	LEFT JOIN LATERAL (
		SELECT array_agg(l.target) AS targets FROM (
			SELECT target FROM alias_targets
			WHERE domain_id = d.id AND local_key = x.local_key ORDER BY target_key LIMIT $4
		) l
	) t ON a.id IS NULL
	ORDER BY q.n`

// lookup is what lookupSQL found for one address.
type lookup struct {
	asked    mail.Address
	ours     bool
	found    bool
	catchAll bool
	account  mail.AccountID // 0: an alias
	disabled bool
	quota    int64
	used     int64
	full     bool // of messages
	targets  []string
}

// lookUp asks for any number of addresses in one round trip.
func (s *Store) lookUp(ctx context.Context, asked []mail.Address) ([]lookup, error) {
	domains, exact, base := make([]string, len(asked)), make([]string, len(asked)), make([]string, len(asked))
	out := make([]lookup, len(asked))
	for i, a := range asked {
		untagged, _ := address.SplitTag(a.Local)
		domains[i], exact[i], base[i] = a.Domain, address.Key(a.Local), address.Key(untagged)
		out[i].asked = a
	}
	rows, err := s.pool.Query(ctx, lookupSQL, domains, exact, base, MaxAliasTargets+1)
	if err != nil {
		return nil, err
	}
	var (
		n           int64
		domain      mail.DomainID
		key         *string
		account     *mail.AccountID
		disabled    *bool
		full        *bool
		quota, used *int64
		targets     []string
	)
	_, err = pgx.ForEachRow(rows, []any{&n, &domain, &key, &account, &disabled, &quota, &used, &full, &targets}, func() error {
		l := &out[n-1]
		l.ours = true
		if key == nil {
			return nil
		}
		l.found, l.catchAll, l.targets = true, *key == "", targets
		if account != nil {
			l.account, l.disabled, l.quota, l.used, l.full = *account, *disabled, *quota, *used, *full
		}
		return nil
	})
	return out, err
}

// ResolveRecipient tells where mail for an address goes; one round trip but
// for aliases, which take one per level. Domain "" means the postmaster of the
// instance (RFC 5321 §4.1.1.3, the bare <postmaster>).
func (s *Store) ResolveRecipient(ctx context.Context, rcpt mail.Address) (mail.Resolution, error) {
	r, err := s.resolve(ctx, rcpt)
	return r, dbError(err)
}

func (s *Store) resolve(ctx context.Context, rcpt mail.Address) (mail.Resolution, error) {
	if rcpt.Domain == "" {
		return s.resolvePostmaster(ctx, rcpt)
	}
	hit, err := s.lookups.one(ctx, rcpt)
	if err != nil {
		return mail.Resolution{}, err
	}
	if !hit.ours {
		return mail.Resolution{Kind: mail.ResolvedNotOurs}, nil
	}
	r, err := s.expand(ctx, hit)
	if err != nil {
		return r, err
	}
	if (r.Kind == mail.ResolvedUnknown || r.Kind == mail.ResolvedDisabled) && alwaysArrives(rcpt.Local) {
		return s.resolvePostmaster(ctx, rcpt)
	}
	return r, nil
}

// alwaysArrives names the addresses that every domain must take mail for
// (RFC 5321 §4.5.1, RFC 2142).
func alwaysArrives(local string) bool {
	base, _ := address.SplitTag(local)
	key := address.Key(base)
	return key == "postmaster" || key == "abuse"
}

// expansion gathers the targets of one recipient.
type expansion struct {
	mail.Resolution
	rcpt     mail.Address
	seen     map[string]bool // compareKey of each address met
	accounts map[mail.AccountID]bool
	disabled bool // some account was left out
}

// expand follows aliases from a first look-up, level by level.
func (s *Store) expand(ctx context.Context, first lookup) (mail.Resolution, error) {
	if !first.found {
		return mail.Resolution{Kind: mail.ResolvedUnknown}, nil
	}
	x := &expansion{rcpt: first.asked, seen: map[string]bool{compareKey(first.asked): true}, accounts: map[mail.AccountID]bool{}}
	level := []lookup{first}
	for depth := 0; ; depth++ {
		next := x.level(level)
		if len(next) == 0 {
			break
		}
		if depth == maxAliasDepth || len(x.seen) > MaxAliasTargets {
			x.Truncated = true
			break
		}
		var err error
		if level, err = s.lookUp(ctx, next); err != nil {
			return mail.Resolution{}, err
		}
	}
	switch {
	case len(x.Accounts)+len(x.Remote) > 0 && first.account != 0:
		x.Kind = mail.ResolvedLocal
	case len(x.Accounts)+len(x.Remote) > 0 || x.Truncated:
		x.Kind = mail.ResolvedAlias
	case x.disabled:
		x.Kind = mail.ResolvedDisabled
	default:
		x.Kind = mail.ResolvedUnknown
	}
	return x.Resolution, nil
}

// level takes what was found at one depth and gives the addresses to ask for
// next.
func (x *expansion) level(found []lookup) (next []mail.Address) {
	for _, l := range found {
		switch {
		case !l.ours:
			x.Remote = append(x.Remote, l.asked)
		case !l.found: // an alias target that is gone
		case l.account != 0:
			x.account(l)
		default:
			for _, t := range splitAll(l.targets) {
				if k := compareKey(t); !x.seen[k] {
					x.seen[k] = true
					next = append(next, t)
				}
			}
		}
	}
	return next
}

func (x *expansion) account(l lookup) {
	if x.accounts[l.account] {
		return
	}
	x.accounts[l.account] = true
	if l.disabled {
		x.disabled = true
		return
	}
	_, tag := address.SplitTag(l.asked.Local)
	x.Accounts = append(x.Accounts, mail.LocalTarget{
		Account: l.account, Address: l.asked, Tag: tag, QuotaBytes: l.quota, UsedBytes: l.used, Full: l.full,
	})
}

// resolvePostmaster finds who answers for the instance: the setting
// "postmaster", else the oldest account of the domain that takes mail, else
// the oldest of all.
func (s *Store) resolvePostmaster(ctx context.Context, rcpt mail.Address) (mail.Resolution, error) {
	var set string
	if ok, err := s.Setting(ctx, SettingPostmaster, &set); err != nil {
		return mail.Resolution{}, err
	} else if ok && set != "" {
		r, err := s.expand(ctx, lookup{asked: rcpt, ours: true, found: true, targets: []string{set}})
		if err != nil || len(r.Accounts)+len(r.Remote) > 0 {
			return r, err
		}
	}
	t := mail.LocalTarget{Address: rcpt}
	err := s.pool.QueryRow(ctx, `SELECT a.id, a.quota_bytes, `+usedOfQuota+`, `+fullOfMessages+`
		FROM accounts a LEFT JOIN domains d ON d.id = a.domain_id
		WHERE a.deleted_at IS NULL AND a.disabled_at IS NULL
		ORDER BY d.name = $1 DESC, a.created_at, a.id LIMIT 1`, rcpt.Domain).Scan(&t.Account, &t.QuotaBytes, &t.UsedBytes, &t.Full)
	if errors.Is(err, pgx.ErrNoRows) {
		return mail.Resolution{Kind: mail.ResolvedUnknown}, nil
	}
	if err != nil {
		return mail.Resolution{}, err
	}
	return mail.Resolution{Kind: mail.ResolvedAlias, Accounts: []mail.LocalTarget{t}}, nil
}

// SenderAllowed tells whether an account may use an address as reverse-path or
// From: its own addresses, with any +tag, and aliases that lead to it. A
// catch-all gives no right to the names it catches. The null reverse-path is
// not asked about here.
func (s *Store) SenderAllowed(ctx context.Context, acct mail.AccountID, a mail.Address) (bool, error) {
	hit, err := s.lookups.one(ctx, a)
	if err != nil {
		return false, dbError(err)
	}
	if !hit.ours || !hit.found || hit.catchAll {
		return false, nil
	}
	if hit.account != 0 {
		return hit.account == acct && !hit.disabled, nil
	}
	r, err := s.expand(ctx, hit)
	if err != nil {
		return false, dbError(err)
	}
	for _, t := range r.Accounts {
		if t.Account == acct {
			return true, nil
		}
	}
	return false, nil
}
