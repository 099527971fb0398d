package main

import (
	"context"
	"fmt"
	"strings"
)

// What is sought, with how many of a hundred messages it finds: about 4 for a
// word of the subject, one in 200 senders, and about the last tenth by date.
var searchRows = []imapRow{
	{name: "SEARCH SUBJECT", unit: "ms", goal: 0.5, measure: search("SUBJECT invoice")},
	{name: "SEARCH FROM", unit: "ms", goal: 0.5, measure: search("FROM sender77@")},
	{name: "SEARCH SINCE", unit: "ms", goal: 0.5, measure: search("SINCE 1-Jan-2026")},
	{name: "SEARCH UNSEEN", unit: "ms", goal: 1, measure: search("UNSEEN")},
	{name: "SEARCH BODY, rare word", unit: "ms", goal: 0.01, measure: search("BODY " + rareWord)},
	{name: "SEARCH TEXT, rare word", unit: "ms", goal: 0.01, measure: search("TEXT " + rareWord)},
	{name: "SEARCH BODY, rare word, in 1,000 just appended", unit: "ms", measure: searchTail},
}

// search is the median time of three on one connection, in ms, after one that
// is not counted.
func search(key string) func(context.Context, *imapTable, *imapSide, bool) (float64, error) {
	return func(ctx context.Context, t *imapTable, s *imapSide, secure bool) (float64, error) {
		if err := s.settled(ctx); err != nil {
			return 0, err
		}
		return s.p50(secure, 3, "SEARCH "+key)
	}
}

// searchTail seeks in messages that nothing has looked at yet.
func searchTail(ctx context.Context, t *imapTable, s *imapSide, secure bool) (ms float64, err error) {
	const n = 1000
	err = s.with(secure, "", func(p *probe) error {
		if _, err := p.do("CREATE tail"); err != nil {
			return err
		}
		if err := appendTo(p, "tail", 0, n, n, 100); err != nil {
			return err
		}
		if _, err := p.do("SELECT tail"); err != nil {
			return err
		}
		a, err := p.do("SEARCH BODY " + rareWord)
		if err != nil {
			return err
		}
		if found := strings.Count(strings.SplitN(a.first, "\r\n", 2)[0], " "); found < 2+rareCount-1 {
			return fmt.Errorf("the rare word is not found: %.60q", a.first)
		}
		ms = a.took.Seconds() * 1000
		return all(p, "SELECT INBOX", "DELETE tail")()
	})
	return ms, err
}
