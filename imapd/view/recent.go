package view

import (
	"context"

	"postroom/internal/mail"
)

// Claim makes the messages that the client was just told of \Recent to it,
// those of them that are to no session yet. The sessions of a node share what
// they know to be claimed, so that a thousand that wake ask once, and the
// first gets all.
func (v *View) Claim(ctx context.Context) (mail.Recent, error) {
	none := mail.Recent{UIDs: mail.UIDRange{Lo: 1}}
	if v.uidnext == 0 {
		return none, nil
	}
	last := v.uidnext - 1
	v.reg.mu.Lock()
	before := v.sh.claimed
	if before >= last {
		v.reg.mu.Unlock()
		return none, nil
	}
	v.sh.claimed = last
	v.reg.mu.Unlock()
	r, err := v.reg.src.ClaimRecent(ctx, v.key.account, v.key.mailbox, last)
	if err != nil {
		v.reg.mu.Lock()
		if v.sh.claimed == last {
			v.sh.claimed = before
		}
		v.reg.mu.Unlock()
		return none, err
	}
	return r, nil
}

// Claimed is the UID up to which messages are known to be \Recent to someone.
func (v *View) Claimed() mail.UID {
	v.reg.mu.Lock()
	defer v.reg.mu.Unlock()
	return v.sh.claimed
}

// Count is how many messages of set the client counts. ok is false while
// nothing is built.
func (v *View) Count(set mail.UIDSet) (n uint32, ok bool) {
	if v.shown == nil {
		return 0, false
	}
	for _, r := range set {
		end := v.shown.search(uint32(r.Hi))
		if end < v.shown.n && v.shown.at(end).uid == uint32(r.Hi) {
			end++
		}
		n += end - v.shown.search(uint32(r.Lo))
	}
	return n, true
}
