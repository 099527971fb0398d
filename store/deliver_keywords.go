package store

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// keywordsMax bounds the keywords of an account: every session names them all.
const keywordsMax = 1000

// keywords gives the numbers of an account's keywords as an array literal,
// numbering new names. Numbers are given in a transaction of their own, before
// that of the message: a keyword without messages harms nobody.
func (n *nameCache) keywords(ctx context.Context, account mail.AccountID, names []string) (string, error) {
	if len(names) == 0 {
		return "{}", nil
	}
	ids, missing := n.known(account, names)
	for try := 0; len(missing) > 0; try++ {
		if try == 3 {
			return "", mail.Errorf(mail.CodeTooMany, "an account has at most %d keywords", keywordsMax)
		}
		if try > 0 {
			if err := n.number(ctx, account, missing); err != nil {
				return "", err
			}
		}
		if err := n.load(ctx, account, missing); err != nil {
			return "", err
		}
		ids, missing = n.known(account, names)
	}
	slices.Sort(ids)
	var b strings.Builder
	b.WriteByte('{')
	for i, id := range slices.Compact(ids) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(int(id)))
	}
	b.WriteByte('}')
	return b.String(), nil
}

func (n *nameCache) known(account mail.AccountID, names []string) (ids []int16, missing []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, name := range names {
		if id, ok := n.words[keywordKey{account, strings.ToLower(name)}]; ok {
			ids = append(ids, id)
		} else {
			missing = append(missing, name)
		}
	}
	return ids, missing
}

func (n *nameCache) load(ctx context.Context, account mail.AccountID, names []string) error {
	lower := make([]string, len(names))
	for i, name := range names {
		lower[i] = strings.ToLower(name)
	}
	rows, err := n.s.pool.Query(ctx, `SELECT lower(name), id FROM keywords WHERE account_id = $1 AND lower(name) = ANY($2)`, int64(account), lower)
	if err != nil {
		return dbError(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.words) >= nameCacheMax {
		clear(n.words)
	}
	var name string
	var id int16
	_, err = pgx.ForEachRow(rows, []any{&name, &id}, func() error {
		n.words[keywordKey{account, name}] = id
		return nil
	})
	return dbError(err)
}

// number gives the next numbers to names that have none. Two writers may
// choose the same: then one inserts nothing and the caller comes again.
func (n *nameCache) number(ctx context.Context, account mail.AccountID, names []string) error {
	for _, name := range names {
		_, err := n.s.pool.Exec(ctx, `INSERT INTO keywords (account_id, id, name)
			SELECT $1, coalesce(max(id), 0) + 1, $2 FROM keywords WHERE account_id = $1 HAVING coalesce(max(id), 0) < $3
			ON CONFLICT DO NOTHING`, int64(account), name, keywordsMax)
		if err != nil {
			return dbError(err)
		}
	}
	return nil
}
