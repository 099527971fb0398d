package store

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"postroom/internal/mail"
)

// keywordsMax bounds the keywords of an account: every session names them all.
const keywordsMax = 1000

// keywords gives the numbers of an account's keywords as an array literal.
func (n *nameCache) keywords(ctx context.Context, account mail.AccountID, names []string) (string, error) {
	if len(names) == 0 {
		return "{}", nil
	}
	ids := make([]int16, len(names))
	for i, name := range names {
		id, err := n.keyword(ctx, keywordKey{account, strings.ToLower(name)}, name)
		if err != nil {
			return "", err
		}
		ids[i] = id
	}
	slices.Sort(ids)
	words := make([]string, 0, len(ids))
	for _, id := range slices.Compact(ids) {
		words = append(words, strconv.Itoa(int(id)))
	}
	return "{" + strings.Join(words, ",") + "}", nil
}

func (n *nameCache) keyword(ctx context.Context, k keywordKey, name string) (int16, error) {
	n.mu.Lock()
	id, ok := n.words[k]
	n.mu.Unlock()
	if ok {
		return id, nil
	}
	ids, err := n.s.keywordIDs(ctx, k.account, []string{name})
	if err != nil {
		return 0, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.words) >= nameCacheMax {
		clear(n.words)
	}
	n.words[k] = ids[0]
	return ids[0], nil
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
