package main

import (
	"context"
	"fmt"
	"os"
)

// imapTable is one run of the table beside Dovecot.
type imapTable struct {
	messages int // of INBOX
	some     int // messages of the rows about some of them
	changed  int // changes of a reconnect
	idle     int
	rounds   int
}

// imapRow is one line of the table. measure gives one value; a client that is
// not what is measured does as little as it can.
type imapRow struct {
	name, unit string
	goal       float64 // of ours / theirs: at most, or at least where more is better; 0: none
	more       bool
	once       bool // costly and steady: measured in the first round only
	measure    func(ctx context.Context, t *imapTable, s *imapSide, secure bool) (float64, error)
}

// imapRows are the rows in the order in which they are measured: what changes
// the mailbox comes last.
func imapRows() (rows []imapRow) {
	for _, group := range [][]imapRow{selectRows, fetchRows, searchRows, storeRows, copyRows, appendRows, qresyncRows, idleRows} {
		rows = append(rows, group...)
	}
	return rows
}

// benchIMAP measures the same IMAP work on the same mail by postroom and by
// Debian's Dovecot, in turn.
func benchIMAP(ctx context.Context, r *rig, o options) ([]figure, error) {
	dir, err := openDir()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	d, err := startDovecot(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer d.stop()
	t := &imapTable{messages: o.messages, some: min(5000, o.messages/4), changed: o.messages / 20, idle: o.idle, rounds: o.rounds}
	ours, theirs := ourSide(r), dovecotSide(d, r.accounts[0])
	if err := t.fill(ctx, r, o, ours, theirs); err != nil {
		return nil, err
	}
	var out []figure
	for _, secure := range []bool{false, true} {
		figures, err := t.run(ctx, o, ours, theirs, pass{secure: secure})
		if err != nil {
			return nil, err
		}
		out = append(out, figures...)
	}
	if o.others == 0 {
		return out, nil
	}
	figures, err := t.measureAged(ctx, r, o, ours, theirs)
	return append(out, figures...), err
}

// run measures every row in every round, by one server right after the other.
func (t *imapTable) run(ctx context.Context, o options, ours, theirs *imapSide, pass pass) (out []figure, err error) {
	for _, row := range imapRows() {
		if !o.wantsRow(row.name) || !pass.wants(row) {
			continue
		}
		p := pair{Name: row.name + ", " + pass.String(), Unit: row.unit, Goal: row.goal, More: row.more}
		rounds := t.rounds
		if row.once {
			rounds = 1
		}
		for i := range rounds {
			sides := []*imapSide{ours, theirs}
			if i%2 == 1 {
				sides[0], sides[1] = theirs, ours
			}
			for _, s := range sides {
				v, err := row.measure(ctx, t, s, pass.secure)
				if err != nil {
					return nil, fmt.Errorf("%s by %s: %w\n%s", p.Name, s.name, err, s.log())
				}
				p.add(s == ours, v)
			}
		}
		f := p.figure()
		fmt.Fprintf(os.Stderr, "bench: imap, %s: ours %.4g, Dovecot %.4g %s, ratio %.3g\n", p.Name, median(p.Ours), median(p.Theirs), p.Unit, f.Median)
		out = append(out, f)
	}
	return out, nil
}
