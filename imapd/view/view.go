package view

import (
	"context"

	"postroom/internal/mail"
)

// View is a selected mailbox as one client knows it. Its methods belong to the
// session's goroutine.
type View struct {
	reg *Registry
	key key
	sh  *shared

	// What the client was told. While shown is nil these three are all there is.
	n       uint32
	modseq  mail.ModSeq // everything up to here was told
	uidnext mail.UID

	// shown holds the messages the client counts, newest the mailbox as last
	// read. They are one and the same when there is nothing to tell.
	shown, newest *Snapshot
	// lazy is what Sync found while there was no snapshot: only arrivals.
	lazy *mail.MailboxState
	more uint32 // arrivals in lazy
	// unsure are messages whose flags in shown are not those that the client
	// was told: they changed or went before the view was built.
	unsure mail.UIDSet
}

// Close ends the view.
func (v *View) Close() {
	if v.sh == nil {
		return
	}
	if v.built() {
		v.drop()
	}
	v.reg.mu.Lock()
	defer v.reg.mu.Unlock()
	if v.sh.views--; v.sh.views == 0 && v.reg.all[v.key] == v.sh {
		delete(v.reg.all, v.key)
	}
	v.sh = nil
}

// Messages is the number of messages as the client knows it.
func (v *View) Messages() uint32 {
	if v.shown != nil {
		return v.shown.n
	}
	return v.n
}

// ModSeq is the mod-sequence up to which the client has been told everything:
// what a HIGHESTMODSEQ response code may say (RFC 7162 §3.2.5.1). It stays
// behind while an expunge is held back.
func (v *View) ModSeq() mail.ModSeq { return v.modseq }

// Synced is the mod-sequence that the last Sync or Build read.
func (v *View) Synced() mail.ModSeq {
	switch {
	case v.built():
		return v.newest.modseq
	case v.lazy != nil:
		return v.lazy.HighestModSeq
	}
	return v.modseq
}

// UIDNext is the UIDNEXT that goes with Messages.
func (v *View) UIDNext() mail.UID { return v.uidnext }

func (v *View) built() bool { return v.shown != nil }

// adopt makes the view hold snapshots. Registry.mu is held.
func (v *View) adopt(shown, newest *Snapshot) {
	if v.shown == nil {
		v.sh.built++
	}
	v.shown, v.newest, v.lazy, v.more = shown, newest, nil, 0
}

func (v *View) drop() {
	v.reg.mu.Lock()
	defer v.reg.mu.Unlock()
	v.n = v.shown.n
	v.shown, v.newest = nil, nil
	if v.sh.built--; v.sh.built == 0 {
		v.sh.snap = nil
	}
}

// Release gives the snapshot back when everything was told, so that an idle
// session costs three numbers. It changes nothing that a client sees.
func (v *View) Release() {
	if v.built() && v.shown == v.newest {
		v.drop()
	}
}

// Sync reads what happened to the mailbox. Until Flush the client's numbers
// stay as they are. CodeNotFound: the mailbox is gone; CodeExpired: it changed
// in a way that cannot be told, the session has to end.
func (v *View) Sync(ctx context.Context) error {
	if v.built() {
		snap, err := v.reg.fresh(ctx, v.key, v.sh)
		if err != nil {
			return err
		}
		v.take(snap)
		return nil
	}
	ch, err := v.reg.changesSince(ctx, v.key, v.sh, v.modseq)
	if err != nil {
		return err
	}
	if !v.onlyArrivals(ch) {
		return v.Build(ctx)
	}
	v.lazy, v.more = &ch.State, uint32(len(ch.Rows))
	return nil
}

// onlyArrivals tells whether the changes can be told without sequence numbers.
func (v *View) onlyArrivals(ch mail.Changes) bool {
	return ch.Complete &&
		(len(ch.Rows) == 0 || ch.Rows[0].UID >= v.uidnext) &&
		(len(ch.Vanished) == 0 || ch.Vanished[0].Lo >= v.uidnext)
}

// take makes snap the newest, unless it is older than what is there.
func (v *View) take(snap *Snapshot) {
	if snap.modseq < v.newest.modseq {
		return
	}
	if v.shown == v.newest && snap.modseq == v.newest.modseq {
		v.shown = snap // the same mailbox: share it
	}
	v.newest = snap
}

// Build makes sequence numbers known. It is free when they are: call it
// before every command that uses them.
func (v *View) Build(ctx context.Context) error {
	if v.built() {
		return nil
	}
	snap, err := v.reg.fresh(ctx, v.key, v.sh)
	if err != nil {
		return err
	}
	shown := snap
	if snap.modseq != v.modseq {
		ch, err := v.reg.src.ChangesSince(ctx, v.key.account, v.key.mailbox, v.modseq)
		if err != nil {
			return err
		}
		shown = v.asOf(snap, ch.Vanished)
	}
	if shown.n != v.n {
		return mail.Errorf(mail.CodeExpired, "the mailbox changed too much; select it again")
	}
	v.reg.mu.Lock()
	defer v.reg.mu.Unlock()
	v.adopt(shown, snap)
	if v.sh.snap == nil {
		v.sh.snap = snap
	}
	return nil
}

// asOf gives the mailbox with the messages the client counts: those of snap
// that had come by then, and those that have gone since. What changed since
// keeps v.modseq, so that the next Flush tells it.
func (v *View) asOf(snap *Snapshot, vanished mail.UIDSet) *Snapshot {
	var rows []mail.MessageFlags
	var late mail.UIDSet
	v.unsure = nil
	for _, c := range snap.chunks {
		for _, r := range c {
			switch {
			case mail.UID(r.uid) >= v.uidnext:
				late.Append(mail.UID(r.uid))
			case mail.ModSeq(r.modseq) > v.modseq:
				m := snap.decode(r)
				m.ModSeq = v.modseq
				v.unsure.Append(m.UID)
				rows = append(rows, m)
			}
		}
	}
	shown := snap.apply(rows, late, v.modseq, v.uidnext)
	var ghosts []mail.MessageFlags
	// UID 0 is no message: with uidnext 1 nothing is a ghost.
	for _, r := range vanished.Intersect(mail.UIDSet{{Lo: 0, Hi: max(v.uidnext, 1) - 1}}) {
		for u := uint64(r.Lo); u <= uint64(r.Hi); u++ {
			if _, ok := shown.find(uint32(u)); !ok {
				v.unsure.AddRange(mail.UID(u), mail.UID(u))
				ghosts = append(ghosts, mail.MessageFlags{UID: mail.UID(u), ModSeq: v.modseq})
			}
		}
	}
	if len(ghosts) == 0 {
		return shown
	}
	return shown.apply(ghosts, nil, v.modseq, v.uidnext)
}
