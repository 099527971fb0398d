package store_test

import (
	"testing"

	"postroom/internal/mail"
)

func (b *box) changes(since mail.ModSeq) mail.Changes {
	b.t.Helper()
	ch, err := b.s.ChangesSince(b.t.Context(), b.acct, b.inbox, since)
	if err != nil {
		b.t.Fatal(err)
	}
	return ch
}

// busy gives an INBOX with arrivals, flag changes and expunges, and the modseq
// before all but the first arrivals.
func busy(t *testing.T) (*box, mail.ModSeq) {
	b := newBox(t)
	b.fill(b.inbox, 20)
	_, st := b.load(b.inbox)
	b.store(mail.StoreArgs{UIDs: mail.UIDSet{{Lo: 3, Hi: 6}}, Mode: mail.StoreAdd, Flags: mail.FlagDeleted, Keywords: []string{"k"}})
	some := mail.UIDSet{{Lo: 5, Hi: 6}}
	if _, err := b.s.Expunge(t.Context(), b.acct, b.inbox, &some); err != nil {
		t.Fatal(err)
	}
	b.fill(b.inbox, 2)
	return b, st.HighestModSeq
}

func TestChangesSince(t *testing.T) {
	b, since := busy(t)
	ch := b.changes(since)
	if uidsOf(ch.Rows).String() != "3:4,21:22" || ch.Vanished.String() != "5:6" || !ch.Complete || ch.State.Messages != 20 {
		t.Errorf("got %+v", ch)
	}
	if len(ch.Rows[0].Keywords) != 1 || ch.Rows[0].Flags != mail.FlagDeleted {
		t.Errorf("row %+v", ch.Rows[0])
	}
	ch = b.changes(ch.State.HighestModSeq)
	if len(ch.Rows) != 0 || len(ch.Vanished) != 0 || !ch.Complete {
		t.Errorf("nothing happened, got %+v", ch)
	}
	if ch = b.changes(0); uidsOf(ch.Rows).String() != "1:4,7:22" {
		t.Errorf("since 0: %v", uidsOf(ch.Rows))
	}
}

func TestChangesBelowTheFloors(t *testing.T) {
	b, since := busy(t)
	b.exec(`DELETE FROM mailbox_changes c WHERE kind <> 'x'
		AND modseq < (SELECT max(modseq) FROM mailbox_changes n WHERE n.mailbox_id = c.mailbox_id)`)
	b.exec(`UPDATE mailbox_state SET changes_floor = $1`, int64(b.changes(since).State.HighestModSeq))
	ch := b.changes(since)
	if uidsOf(ch.Rows).String() != "3:4,21:22" || ch.Vanished.String() != "5:6" || !ch.Complete {
		t.Errorf("below changes_floor: %+v", ch)
	}
	b.exec(`UPDATE mailbox_state SET vanished_floor = $1 + 1`, int64(since))
	if ch = b.changes(since); ch.Complete || uidsOf(ch.Rows).String() != "3:4,21:22" {
		t.Errorf("below vanished_floor: %+v", ch)
	}
	if ch = b.changes(since + 1); !ch.Complete {
		t.Errorf("at vanished_floor: %+v", ch)
	}
}

func TestChangesFarBehindAreScanned(t *testing.T) {
	b, since := busy(t)
	b.jump(1000000) // as after a restore
	ch := b.changes(since)
	if uidsOf(ch.Rows).String() != "3:4,21:22" || ch.Vanished.String() != "5:6" {
		t.Errorf("got %+v", ch)
	}
}

func TestLoadOfMailboxThatIsGone(t *testing.T) {
	b := newBox(t)
	_, _, err := b.s.LoadMailbox(t.Context(), b.acct, 77)
	b.code(err, mail.CodeNotFound)
	_, err = b.s.ChangesSince(t.Context(), b.acct, 77, 1)
	b.code(err, mail.CodeNotFound)
	if rows, st := b.load(b.inbox); len(rows) != 0 || st.UIDNext != 1 {
		t.Errorf("empty INBOX has %v %+v", rows, st)
	}
}
