package store_test

import (
	"testing"

	"postroom/internal/mail"
)

// BenchmarkMailbox works on a mailbox of 20,000 messages, as a client with a
// large INBOX does.
func BenchmarkMailbox(b *testing.B) {
	x := newBox(b)
	const n = 20000
	x.fill(x.inbox, n)
	x.exec(`ANALYZE`)
	to := x.mailbox("to")
	ctx := b.Context()
	flip := func(i int) mail.StoreMode { return mail.StoreAdd + mail.StoreMode(i%2) }
	run := func(name string, f func(i int) error) {
		b.Run(name, func(b *testing.B) {
			for i := range b.N {
				if err := f(i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	fetch := func(cols mail.Columns) func(int) error {
		return func(int) error {
			return x.s.FetchMessages(ctx, x.acct, x.inbox, all, cols, func(*mail.MessageRow) error { return nil })
		}
	}
	run("load", func(int) error { _, _, err := x.s.LoadMailbox(ctx, x.acct, x.inbox); return err })
	run("select", func(int) error { _, _, err := x.s.MailboxByName(ctx, x.acct, "INBOX"); return err })
	run("fetch-narrow", fetch(0))
	run("fetch-envelope", fetch(mail.ColEnvelope|mail.ColBodyStructure))
	run("fetch-fields", fetch(mail.ColFields))
	run("fetch-one", func(i int) error {
		return x.s.FetchMessages(ctx, x.acct, x.inbox, one(mail.UID(1+i%n)), mail.ColEnvelope, func(*mail.MessageRow) error { return nil })
	})
	run("store-one", func(i int) error {
		_, err := x.s.StoreFlags(ctx, mail.StoreArgs{Account: x.acct, Mailbox: x.inbox, UIDs: one(7), Mode: flip(i), Flags: mail.FlagSeen})
		return err
	})
	run("changes-none", func(int) error {
		_, err := x.s.ChangesSince(ctx, x.acct, x.inbox, 1<<40)
		return err
	})
	run("store-all", func(i int) error {
		_, err := x.s.StoreFlags(ctx, mail.StoreArgs{Account: x.acct, Mailbox: x.inbox, UIDs: all, Mode: flip(i), Flags: mail.FlagFlagged})
		return err
	})
	run("copy-5000", func(int) error {
		_, err := x.s.Copy(ctx, x.acct, x.inbox, mail.UIDSet{{Lo: 1, Hi: 5000}}, to)
		return err
	})
	run("move-5000", func(i int) error {
		src, dst := x.inbox, to
		if i%2 == 1 {
			src, dst = dst, src
		}
		rows, _ := x.load(src)
		_, err := x.s.Move(ctx, x.acct, src, mail.UIDSet{{Lo: 1, Hi: rows[4999].UID}}, dst)
		return err
	})
	run("expunge-all", func(i int) error {
		x.fill(x.inbox, 5000)
		if _, err := x.s.StoreFlags(ctx, mail.StoreArgs{Account: x.acct, Mailbox: x.inbox, UIDs: all, Mode: mail.StoreAdd, Flags: mail.FlagDeleted}); err != nil {
			return err
		}
		_, err := x.s.Expunge(ctx, x.acct, x.inbox, nil)
		return err
	})
}
