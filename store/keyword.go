package store

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// keywordOctets bounds one keyword.
const keywordOctets = 128

// Keywords gives the names of an account's keywords: the index is the number
// that MessageFlags.Keywords holds; number 0 is never given. Names are never taken away, so what a
// caller has read stays right.
func (s *Store) Keywords(ctx context.Context, acct mail.AccountID) ([]string, error) {
	rows, err := s.pool.Query(ctx, sqlKeywords, acct)
	if err != nil {
		return nil, dbError(err)
	}
	names, err := keywordRows(rows)
	return names, dbError(err)
}

const sqlKeywords = `SELECT id, name FROM keywords WHERE account_id = $1 ORDER BY id`

func keywordRows(rows pgx.Rows) (names []string, err error) {
	var id int
	var name string
	_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error {
		for len(names) < id {
			names = append(names, "")
		}
		names = append(names, name)
		return nil
	})
	return names, err
}

// knownKeywords gives the numbers of the names that have one, ascending.
func (s *Store) knownKeywords(ctx context.Context, acct mail.AccountID, names []string) ([]int16, error) {
	if len(names) == 0 {
		return []int16{}, nil
	}
	rows, err := s.pool.Query(ctx, `SELECT id FROM keywords
		WHERE account_id = $1 AND lower(name) = ANY($2) ORDER BY id`, acct, lowered(names))
	if err != nil {
		return nil, dbError(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int16])
	return ids, dbError(err)
}

// keywordIDs gives the numbers of keywords, ascending, and numbers new ones
// before the transaction that uses them: a number that is used by no message
// does no harm. CodeInvalid for what is no flag-keyword, CodeTooMany above the
// limit.
func (s *Store) keywordIDs(ctx context.Context, acct mail.AccountID, names []string) ([]int16, error) {
	for _, n := range names {
		if !validKeyword(n) {
			return nil, mail.Errorf(mail.CodeInvalid, "not a keyword")
		}
	}
	distinct := lowered(names)
	slices.Sort(distinct)
	distinct = slices.Compact(distinct)
	// Another session may take a number first: then there is one more to go.
	for range 5 {
		ids, err := s.knownKeywords(ctx, acct, distinct)
		if err != nil || len(ids) == len(distinct) {
			return ids, err
		}
		if err := s.lane.names.number(ctx, acct, names); err != nil {
			return nil, err
		}
	}
	return nil, mail.Errorf(mail.CodeTooMany, "an account has at most %d keywords", keywordsMax)
}

// validKeyword tells a flag-keyword: an atom (RFC 9051 §9).
func validKeyword(name string) bool {
	if name == "" || len(name) > keywordOctets {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`(){%*"\]`, r)
	})
}

// lowered folds ASCII, as lower() does in the database's C collation.
func lowered(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.ToLower(n)
	}
	return out
}
