package main

import (
	"context"
	"fmt"
)

const listing = "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"

var fetchRows = []imapRow{
	{name: "FETCH (UID FLAGS), all", unit: "ms", goal: 0.7, measure: fetchAll("FETCH 1:* (UID FLAGS)")},
	{name: "FETCH of a listing, all, cold, Dovecot's index.cache removed", unit: "ms", goal: 0.1, measure: cold(true, listing, true)},
	{name: "FETCH of a listing, all, cold, Dovecot's index.cache filled", unit: "ms", measure: cold(true, listing, false)},
	{name: "FETCH of a listing, all, warm", unit: "ms", goal: 0.7, measure: fetchAll(listing)},
	{name: "FETCH BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)], all", unit: "ms", goal: 0.9,
		measure: fetchAll("FETCH 1:* BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)]")},
	{name: "FETCH BODY.PEEK[] of some", unit: "MB/s", goal: 1, more: true, measure: fetchBodies},
}

// fetchAll is the time of one command that answers with every message, in ms:
// the median of three, after one that is not counted.
func fetchAll(command string) func(context.Context, *imapTable, *imapSide, bool) (float64, error) {
	return func(_ context.Context, t *imapTable, s *imapSide, secure bool) (float64, error) {
		var all []float64
		err := s.with(secure, "INBOX", func(p *probe) error {
			for range 4 {
				a, err := p.do("%s", command)
				if err != nil {
					return err
				}
				if a.lines < t.messages {
					return fmt.Errorf("%d lines of %d messages", a.lines, t.messages)
				}
				all = append(all, ms(a.took))
			}
			return nil
		})
		return median(all[min(1, len(all)):]), err
	}
}

// fetchBodies reads whole messages from the middle of the mailbox.
func fetchBodies(_ context.Context, t *imapTable, s *imapSide, secure bool) (float64, error) {
	n := min(1000, t.messages/2)
	var all []float64
	err := s.with(secure, "INBOX", func(p *probe) error {
		for i := range 4 {
			a, err := p.do("FETCH %d:%d BODY.PEEK[]", t.messages/4+1, t.messages/4+n)
			if err != nil {
				return err
			}
			if a.octets < n*imapSize {
				return fmt.Errorf("%d octets of %d messages", a.octets, n)
			}
			if i > 0 {
				all = append(all, float64(n*imapSize)/1e6/a.took.Seconds())
			}
		}
		return nil
	})
	return median(all), err
}
