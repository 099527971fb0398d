package main

import "context"

var storeRows = []imapRow{
	{name: "STORE +FLAGS, all", unit: "ms", goal: 0.7, measure: storeAll},
	{name: "STORE +FLAGS of one, p50", unit: "ms", goal: 0.5, measure: storeOne},
}

func storeAll(_ context.Context, _ *imapTable, s *imapSide, secure bool) (float64, error) {
	var a answer
	err := s.with(secure, "INBOX", func(p *probe) (err error) {
		if a, err = p.do(`STORE 1:* +FLAGS (\Flagged)`); err == nil {
			_, err = p.do(`STORE 1:* -FLAGS.SILENT (\Flagged)`)
		}
		return err
	})
	return ms(a.took), err
}

func storeOne(_ context.Context, t *imapTable, s *imapSide, secure bool) (float64, error) {
	const n = 100
	var all []float64
	err := s.with(secure, "INBOX", func(p *probe) error {
		for i := range n {
			a, err := p.do(`STORE %d +FLAGS (\Answered)`, 1+i*t.messages/n)
			if err != nil {
				return err
			}
			all = append(all, ms(a.took))
		}
		_, err := p.do(`STORE 1:* -FLAGS.SILENT (\Answered)`)
		return err
	})
	return median(all), err
}
