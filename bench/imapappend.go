package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

var appendRows = []imapRow{
	{name: "APPEND by one connection", unit: "/s", goal: 2, more: true, measure: appends(1, 500, 1)},
	{name: "APPEND by 16 connections", unit: "/s", goal: 2.8, more: true, measure: appends(16, 100, 1)},
	{name: "MULTIAPPEND of 50", unit: "/s", goal: 1.7, more: true, measure: appends(1, 2000, 50)},
}

// appends is how many messages a second come to be in one mailbox from so many
// connections, each of each messages, batch to a command.
func appends(connections, each, batch int) func(context.Context, *imapTable, *imapSide, bool) (float64, error) {
	return func(_ context.Context, _ *imapTable, s *imapSide, secure bool) (rate float64, err error) {
		err = s.with(secure, "", func(first *probe) error {
			if _, err := first.do("CREATE appended"); err != nil {
				return err
			}
			probes := make([]*probe, connections)
			for i := range probes {
				if probes[i], err = s.dial(secure, ""); err != nil {
					return err
				}
				defer probes[i].close()
			}
			var g errgroup.Group
			began := time.Now()
			for i, p := range probes {
				g.Go(func() error { return appendTo(p, "appended", i*each, each, connections*each, batch) })
			}
			if err := g.Wait(); err != nil {
				return err
			}
			rate = float64(connections*each) / time.Since(began).Seconds()
			_, err := first.do("DELETE appended")
			return err
		})
		return rate, err
	}
}

// appendTo appends n messages from the from-th of a mailbox of total, by
// commands of batch messages each (RFC 3502), without waiting before literals.
func appendTo(p *probe, mailbox string, from, n, total, batch int) error {
	var b bytes.Buffer
	for i := from; i < from+n; i += batch {
		b.Reset()
		b.WriteString("APPEND " + mailbox)
		for k := i; k < min(i+batch, from+n); k++ {
			m := imapMessage(k, total)
			fmt.Fprintf(&b, " %s {%d+}\r\n", flagsAndDate(k), len(m))
			b.Write(m)
		}
		if _, err := p.send(b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// flagsAndDate marks nine of ten messages as seen.
func flagsAndDate(i int) string {
	flags := `(\Seen)`
	if i%10 == 9 {
		flags = "()"
	}
	return flags + imapDate(i).Format(` "02-Jan-2006 15:04:05 -0700"`)
}
