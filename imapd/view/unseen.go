package view

import (
	"context"

	"postroom/internal/mail"
)

// maxUnseenKept bounds how many mailboxes' first unseen messages are kept.
const maxUnseenKept = 4096

// firstUnseen is what was found of a mailbox at some modseq.
type firstUnseen struct {
	modseq mail.ModSeq
	seq    uint32
}

// FirstUnseen gives the sequence number of the first message without \Seen of
// a mailbox that has one, for a client that was just told everything. It is
// kept for the next one; else the source takes a short look, and only when that
// does not tell is the view built.
func (v *View) FirstUnseen(ctx context.Context) (uint32, error) {
	if seq, ok := v.unseenKept(); ok {
		return seq, nil
	}
	if !v.built() {
		seq, modseq, err := v.reg.src.FirstUnseen(ctx, v.key.account, v.key.mailbox)
		if err != nil {
			return 0, err
		}
		if seq > 0 && modseq == v.modseq {
			v.keepUnseen(seq)
			return seq, nil
		}
		if err := v.Build(ctx); err != nil {
			return 0, err
		}
	}
	for seq, m := range v.All(mail.UIDSet{{Lo: 1, Hi: ^mail.UID(0)}}) {
		if m.Flags&mail.FlagSeen == 0 {
			if v.shown == v.newest {
				v.keepUnseen(seq)
			}
			return seq, nil
		}
	}
	return 0, nil
}

func (v *View) unseenKept() (uint32, bool) {
	v.reg.mu.Lock()
	defer v.reg.mu.Unlock()
	f, ok := v.reg.unseen[v.key]
	return f.seq, ok && f.modseq == v.modseq
}

func (v *View) keepUnseen(seq uint32) {
	v.reg.mu.Lock()
	defer v.reg.mu.Unlock()
	if len(v.reg.unseen) >= maxUnseenKept {
		clear(v.reg.unseen)
	}
	v.reg.unseen[v.key] = firstUnseen{v.modseq, seq}
}
