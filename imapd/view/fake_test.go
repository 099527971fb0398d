package view

import (
	"context"
	"slices"
	"sync"

	"postroom/internal/mail"
)

// fakeSource is a mailbox kept the naive way.
type fakeSource struct {
	mu      sync.Mutex
	rows    []mail.MessageFlags
	modseq  mail.ModSeq
	uidnext mail.UID
	gone    []goneRow
	floor   mail.ModSeq
	loads   int
	reads   int

	recent   mail.UID
	claims   int
	looks    int
	claimErr error
}

type goneRow struct {
	uid    mail.UID
	modseq mail.ModSeq
}

func newFake() *fakeSource { return &fakeSource{modseq: 1, uidnext: 1} }

func (f *fakeSource) state() mail.MailboxState {
	return mail.MailboxState{UIDNext: f.uidnext, HighestModSeq: f.modseq, VanishedFloor: f.floor, Messages: int64(len(f.rows))}
}

func (f *fakeSource) LoadMailbox(context.Context, mail.AccountID, mail.MailboxID) ([]mail.MessageFlags, mail.MailboxState, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loads++
	return slices.Clone(f.rows), f.state(), nil
}

func (f *fakeSource) ChangesSince(_ context.Context, _ mail.AccountID, _ mail.MailboxID, since mail.ModSeq) (mail.Changes, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	ch := mail.Changes{State: f.state(), Complete: since >= f.floor}
	for _, r := range f.rows {
		if r.ModSeq > since {
			ch.Rows = append(ch.Rows, r)
		}
	}
	for _, g := range f.gone {
		if g.modseq > since && g.modseq > f.floor {
			ch.Vanished.AddRange(g.uid, g.uid)
		}
	}
	return ch, nil
}

func (f *fakeSource) ClaimRecent(_ context.Context, _ mail.AccountID, _ mail.MailboxID, last mail.UID) (mail.Recent, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.claims++
	if f.claimErr != nil {
		return mail.Recent{}, f.claimErr
	}
	r := mail.Recent{UIDs: mail.UIDRange{Lo: f.recent + 1, Hi: last}}
	for _, row := range f.rows {
		if row.UID > f.recent && row.UID <= last {
			r.Messages++
		}
	}
	f.recent = max(f.recent, last)
	return r, nil
}

// FirstUnseen knows the first two messages only.
func (f *fakeSource) FirstUnseen(context.Context, mail.AccountID, mail.MailboxID) (uint32, mail.ModSeq, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks++
	for i := range f.rows[:min(2, len(f.rows))] {
		if f.rows[i].Flags&mail.FlagSeen == 0 {
			return uint32(i + 1), f.modseq, nil
		}
	}
	return 0, f.modseq, nil
}

func (f *fakeSource) deliver(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.modseq++
	for range n {
		f.rows = append(f.rows, mail.MessageFlags{UID: f.uidnext, ModSeq: f.modseq})
		f.uidnext++
	}
}

func (f *fakeSource) expunge(pick func(i int) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.modseq++
	var left []mail.MessageFlags
	for i, r := range f.rows {
		if pick(i) {
			f.gone = append(f.gone, goneRow{r.UID, f.modseq})
		} else {
			left = append(left, r)
		}
	}
	f.rows = left
}

func (f *fakeSource) flag(pick func(i int) bool, flags mail.Flags, keywords ...int16) []mail.MessageFlags {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.modseq++
	var out []mail.MessageFlags
	for i := range f.rows {
		if pick(i) {
			f.rows[i].Flags, f.rows[i].Keywords, f.rows[i].ModSeq = flags, keywords, f.modseq
			out = append(out, f.rows[i])
		}
	}
	return out
}

func only(n int) func(int) bool { return func(i int) bool { return i == n } }
