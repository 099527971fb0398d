package main

import "context"

var copyRows = []imapRow{
	{name: "COPY of a quarter", unit: "ms", goal: 0.25, measure: onSome(func(p *probe, t *imapTable) (answer, error) {
		return p.do("COPY 1:%d to", t.some)
	})},
	{name: "MOVE of a quarter", unit: "ms", goal: 0.4, measure: onSome(func(p *probe, t *imapTable) (answer, error) {
		if err := all(p, "COPY 1:%d to", "CREATE third", "SELECT to")(t.some); err != nil {
			return answer{}, err
		}
		a, err := p.do("MOVE 1:* third")
		if err == nil {
			err = all(p, "SELECT INBOX", "DELETE third")()
		}
		return a, err
	})},
	{name: "EXPUNGE of a quarter", unit: "ms", goal: 0.8, measure: onSome(func(p *probe, t *imapTable) (answer, error) {
		if err := all(p, "COPY 1:%d to", "SELECT to", `STORE 1:* +FLAGS.SILENT (\Deleted)`)(t.some); err != nil {
			return answer{}, err
		}
		return p.do("EXPUNGE")
	})},
}

// onSome times what work does on INBOX and a mailbox "to", which is empty
// before and deleted after, in ms.
func onSome(work func(*probe, *imapTable) (answer, error)) func(context.Context, *imapTable, *imapSide, bool) (float64, error) {
	return func(_ context.Context, t *imapTable, s *imapSide, secure bool) (float64, error) {
		var a answer
		err := s.with(secure, "INBOX", func(p *probe) (err error) {
			if _, err = p.do("CREATE to"); err != nil {
				return err
			}
			if a, err = work(p, t); err != nil {
				return err
			}
			return all(p, "SELECT INBOX", "DELETE to")()
		})
		return ms(a.took), err
	}
}

// all runs commands one after the other; args are those of the first.
func all(p *probe, commands ...string) func(args ...any) error {
	return func(args ...any) error {
		for _, c := range commands {
			if _, err := p.do(c, args...); err != nil {
				return err
			}
			args = nil
		}
		return nil
	}
}
