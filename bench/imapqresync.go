package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"
)

var qresyncRows = []imapRow{
	{name: "QRESYNC reconnect after many changes", unit: "ms", goal: 0.5, measure: reconnect},
}

var (
	uidValidity   = regexp.MustCompile(`\[UIDVALIDITY (\d+)\]`)
	uidNext       = regexp.MustCompile(`\[UIDNEXT (\d+)\]`)
	highestModSeq = regexp.MustCompile(`\[HIGHESTMODSEQ (\d+)\]`)
)

// reconnect is the time from the connection to the end of SELECT (QRESYNC …),
// login included, for a client that missed so many changes: nine of ten are of
// flags, the others expunged what it had seen arrive.
func reconnect(_ context.Context, t *imapTable, s *imapSide, secure bool) (float64, error) {
	gone := t.changed / 10
	var last string
	err := s.with(secure, "", func(p *probe) error {
		if err := appendTo(p, "INBOX", t.messages, gone, 2*t.messages, 50); err != nil {
			return err
		}
		a, err := p.do("SELECT INBOX (CONDSTORE)")
		if err != nil {
			return err
		}
		next := group(uidNext, a.first)
		last = fmt.Sprintf("(%s %s 1:%s)", group(uidValidity, a.first), group(highestModSeq, a.first), next)
		if err := everyNth(p, t, `+FLAGS.SILENT (\Flagged)`); err != nil {
			return err
		}
		return all(p, `STORE %d:* +FLAGS.SILENT (\Deleted)`, "EXPUNGE")(t.messages + 1)
	})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	var took time.Duration
	err = s.with(secure, "", func(p *probe) error {
		if _, err := p.do("ENABLE QRESYNC"); err != nil {
			return err
		}
		a, err := p.do("SELECT INBOX (QRESYNC %s)", last)
		took = time.Since(began)
		if err != nil {
			return err
		}
		if told := a.lines; told < t.changed-gone || !strings.Contains(a.first, "VANISHED (EARLIER)") {
			return fmt.Errorf("%d lines tell of %d changes: %.500q", told, t.changed, a.first)
		}
		return everyNth(p, t, `-FLAGS.SILENT (\Flagged)`)
	})
	return ms(took), err
}

// everyNth changes the flags of messages that lie far apart, by commands of a
// hundred.
func everyNth(p *probe, t *imapTable, change string) error {
	n := t.changed - t.changed/10
	for from := 0; from < n; from += 100 {
		var set []string
		for i := from; i < min(from+100, n); i++ {
			set = append(set, fmt.Sprint(1+i*(t.messages/n)))
		}
		if _, err := p.do("STORE %s %s", strings.Join(set, ","), change); err != nil {
			return err
		}
	}
	return nil
}

func group(r *regexp.Regexp, s string) string {
	if m := r.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	return "0"
}
