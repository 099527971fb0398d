package view

import (
	"context"
	"sync"

	"postroom/internal/mail"
)

// Source reads a mailbox; the store is one. Each answers with one consistent
// moment.
type Source interface {
	LoadMailbox(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID) ([]mail.MessageFlags, mail.MailboxState, error)
	ChangesSince(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, since mail.ModSeq) (mail.Changes, error)
	FirstUnseen(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID) (uint32, mail.ModSeq, error)
	ClaimRecent(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, last mail.UID) (mail.Recent, error)
}

// Registry holds the snapshots of all mailboxes selected on this node. Safe
// for concurrent use.
type Registry struct {
	src Source
	mu  sync.Mutex
	all map[key]*shared
	// unseen stays when a mailbox is left: the next SELECT asks again.
	unseen map[key]firstUnseen
}

type key struct {
	account mail.AccountID
	mailbox mail.MailboxID
}

// shared is what the views of one mailbox have in common. Its plain fields
// belong to Registry.mu.
type shared struct {
	views   int       // open views
	built   int       // of which hold a snapshot; the last one drops snap
	snap    *Snapshot // the newest known; nil until first need
	refresh flights   // of snap
	// lazy are the readings of changes for views without a snapshot, by modseq.
	lazy map[mail.ModSeq]*flights
	// claimed is the UID up to which messages are known to be \Recent to
	// someone, or about to be.
	claimed mail.UID
}

// NewRegistry gives an empty registry that reads from src.
func NewRegistry(src Source) *Registry {
	return &Registry{src: src, all: map[key]*shared{}, unseen: map[key]firstUnseen{}}
}

// Open gives the view of a session that just selected the mailbox in this
// state. It reads nothing. Close it.
func (r *Registry) Open(account mail.AccountID, mailbox mail.MailboxID, state mail.MailboxState) *View {
	k := key{account, mailbox}
	r.mu.Lock()
	defer r.mu.Unlock()
	sh := r.all[k]
	if sh == nil {
		sh = &shared{}
		r.all[k] = sh
	}
	sh.views++
	sh.claimed = max(sh.claimed, state.RecentUID)
	v := &View{reg: r, key: k, sh: sh,
		n: uint32(state.Messages), modseq: state.HighestModSeq, uidnext: state.UIDNext}
	if s := sh.snap; s != nil && s.modseq == v.modseq && s.n == v.n {
		v.adopt(s, s)
	}
	return v
}

// fresh gives the shared snapshot as of some moment after the call began.
func (r *Registry) fresh(ctx context.Context, k key, sh *shared) (*Snapshot, error) {
	f, err := sh.refresh.do(ctx, func(f *flight) {
		r.mu.Lock()
		old := sh.snap
		r.mu.Unlock()
		if f.snap, f.err = r.read(ctx, k, old); f.err == nil {
			r.mu.Lock()
			sh.snap = f.snap
			r.mu.Unlock()
		}
	})
	if err != nil {
		return nil, err
	}
	return f.snap, nil
}

func (r *Registry) read(ctx context.Context, k key, old *Snapshot) (*Snapshot, error) {
	if old != nil {
		ch, err := r.src.ChangesSince(ctx, k.account, k.mailbox, old.modseq)
		switch {
		case err != nil:
			return nil, err
		case ch.State.HighestModSeq == old.modseq:
			return old, nil
		case ch.Complete:
			return old.apply(ch.Rows, ch.Vanished, ch.State.HighestModSeq, ch.State.UIDNext), nil
		}
	}
	rows, state, err := r.src.LoadMailbox(ctx, k.account, k.mailbox)
	if err != nil {
		return nil, err
	}
	return newSnapshot(rows, state.HighestModSeq, state.UIDNext), nil
}

// changesSince reads changes for views that hold no snapshot; those at the
// same modseq that ask at the same time share one reading.
func (r *Registry) changesSince(ctx context.Context, k key, sh *shared, since mail.ModSeq) (mail.Changes, error) {
	r.mu.Lock()
	g := sh.lazy[since]
	if g == nil {
		g = &flights{}
		if len(sh.lazy) >= 16 { // those left behind by views that moved on
			sh.lazy = nil
		}
		if sh.lazy == nil {
			sh.lazy = map[mail.ModSeq]*flights{}
		}
		sh.lazy[since] = g
	}
	r.mu.Unlock()
	f, err := g.do(ctx, func(f *flight) {
		f.changes, f.err = r.src.ChangesSince(ctx, k.account, k.mailbox, since)
	})
	r.mu.Lock()
	if sh.lazy[since] == g {
		delete(sh.lazy, since)
	}
	r.mu.Unlock()
	if err != nil {
		return mail.Changes{}, err
	}
	return f.changes, nil
}
