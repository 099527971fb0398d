package imapd

import (
	"context"
	"errors"
	"slices"

	"postroom/internal/mail"
)

// seenBatch is how many messages are marked \Seen ahead of being sent: a
// client that goes away has seen at least most of what is marked.
const seenBatch = 100

// fetch runs one FETCH.
type fetch struct {
	s      *session
	items  []fetchItem
	cols   mail.Columns
	rows   bool
	seen   bool
	flags  bool        // FLAGS was asked for
	modseq bool        // MODSEQ goes with flags though not asked for (RFC 7162 §3.1)
	uid    bool        // UID goes with flags that this FETCH changed (RFC 7162 §3.2.4)
	marked mail.UIDSet // just got \Seen: their flags are told even if not asked for
	told   []mail.MessageFlags
	served mail.UIDSet
	// The message under way: one for all, which keeps its memory.
	msg  fetched
	body body
}

// scratchKept bounds what is kept of a message's picked fields, in octets.
const scratchKept = 16 << 10

func newFetch(s *session, a fetchArgs) *fetch {
	f := &fetch{s: s, items: a.items, flags: a.has("FLAGS"), modseq: s.has(featureCondstore) && !a.has("MODSEQ"),
		uid: s.has(featureCondstore) && !s.has(featureUIDOnly) && !a.has("UID")}
	for _, it := range a.items {
		f.cols |= it.cols
		f.rows = f.rows || it.row
		f.seen = f.seen || it.seen && !s.sel.readOnly && s.sel.rights.Has(mail.RightSeen)
	}
	return f
}

func (f *fetch) run(ctx context.Context, uids mail.UIDSet) error {
	if !f.rows {
		return f.fromSnapshot(ctx, uids)
	}
	wanted := f.s.sel.view.Counted(uids)
	for len(wanted) > 0 {
		batch := wanted
		if f.seen {
			batch, wanted = cut(wanted, seenBatch)
			if err := f.markSeen(ctx, batch); err != nil {
				return err
			}
		} else {
			wanted = nil
		}
		if err := f.fromRows(ctx, batch); err != nil {
			return err
		}
	}
	f.s.sel.view.Told(f.told)
	return nil
}

// cut splits a set after n UIDs.
func cut(set mail.UIDSet, n int64) (head, tail mail.UIDSet) {
	for i, r := range set {
		size := int64(r.Hi-r.Lo) + 1
		if n >= size {
			n -= size
			head = append(head, r)
			continue
		}
		tail = append(tail, set[i:]...)
		if n > 0 {
			head = append(head, mail.UIDRange{Lo: r.Lo, Hi: r.Lo + mail.UID(n) - 1})
			tail[0].Lo = r.Lo + mail.UID(n)
		}
		break
	}
	return head, tail
}

// fromSnapshot answers UID, FLAGS and MODSEQ without the store.
func (f *fetch) fromSnapshot(ctx context.Context, uids mail.UIDSet) error {
	for seq, flags := range f.s.sel.view.All(uids) {
		f.msg = fetched{s: f.s, seq: seq, flags: flags}
		if err := f.write(ctx, &f.msg); err != nil {
			return err
		}
	}
	if f.flags {
		f.s.sel.view.Told(f.told)
	}
	return nil
}

// markSeen sets \Seen where it is missing (RFC 9051 §6.4.5, BODY[]).
func (f *fetch) markSeen(ctx context.Context, uids mail.UIDSet) error {
	var unseen mail.UIDSet
	for _, m := range f.s.sel.view.All(uids) {
		if m.Flags&mail.FlagSeen == 0 && !f.s.sel.view.Gone(m.UID) {
			unseen.Append(m.UID)
		}
	}
	if len(unseen) == 0 {
		return nil
	}
	res, err := f.s.srv.Store.StoreFlags(f.s.sel.guard(ctx, f.s, mail.RightSeen), mail.StoreArgs{
		Account: f.s.sel.mailbox.Account, Mailbox: f.s.sel.mailbox.ID, UIDs: unseen,
		Mode: mail.StoreAdd, Flags: mail.FlagSeen,
	})
	// A full disk or a store that can't write must not keep mail from being
	// read: the flag is then missing, no more.
	if err != nil {
		f.s.logInternal("FETCH", err)
		return nil
	}
	f.s.sel.stale = true
	for _, m := range res.Rows {
		f.marked.Append(m.UID)
	}
	return nil
}

// fromRows reads and writes one batch. What another session expunged meanwhile
// is read from the restore window; what is gone from there too can't be had.
func (f *fetch) fromRows(ctx context.Context, uids mail.UIDSet) error {
	f.served = f.served[:0]
	st, acct, box := f.s.srv.Store, f.s.sel.mailbox.Account, f.s.sel.mailbox.ID
	read := f.s.fetchAhead
	if f.seen { // which has just changed the rows
		read = f.s.fetchNow
	}
	if err := read(ctx, uids, f.cols, f.row(ctx)); err != nil {
		return err
	}
	missing := uids.Subtract(f.served)
	if len(missing) == 0 {
		return nil
	}
	f.s.sel.stale = true
	f.served = f.served[:0]
	if err := st.FetchMessages(ctx, acct, box, missing, f.cols|mail.WithExpunged, f.row(ctx)); err != nil {
		return err
	}
	if len(missing.Subtract(f.served)) > 0 {
		return no("EXPUNGEISSUED", "some of the messages no longer exist")
	}
	return nil
}

func (f *fetch) row(ctx context.Context) func(*mail.MessageRow) error {
	return func(r *mail.MessageRow) error {
		seq, ok := f.s.sel.view.Seq(r.UID)
		if !ok {
			return nil
		}
		f.served.Append(r.UID)
		if cap(f.body.scratch) > scratchKept {
			f.body.scratch = nil
		}
		f.body = body{s: f.s, row: r, scratch: f.body.scratch[:0]}
		f.msg = fetched{s: f.s, seq: seq, flags: r.MessageFlags, row: r, body: &f.body, prepared: f.msg.prepared[:0]}
		return f.write(ctx, &f.msg)
	}
}

// write sends one FETCH response. After its first octet only a broken
// connection can end it, so everything that may fail is checked before.
func (f *fetch) write(ctx context.Context, m *fetched) error {
	for i := range f.items {
		if check := f.items[i].check; check != nil {
			if err := check(ctx, m); err != nil {
				return err
			}
		}
	}
	marked := f.marked.Contains(m.flags.UID)
	extra := !f.flags && marked
	if f.flags || extra {
		if err := f.s.keywordsOf(ctx, m.flags.Keywords); err != nil {
			return err
		}
		if m.flags.ModSeq > f.s.sel.view.ModSeq() {
			told := m.flags
			told.Keywords = slices.Clone(told.Keywords) // the row's slices go
			f.told = append(f.told, told)
		}
	}
	if m.flags.ModSeq > f.s.sel.view.Synced() {
		f.s.sel.stale = true // an expunge below that modseq is told before the tagged OK
	}
	enc := f.s.enc
	f.s.beginFetch(m.seq, m.flags.UID)
	for i := range f.items {
		if i > 0 {
			enc.Raw(" ")
		}
		if err := f.items[i].write(ctx, m); err != nil {
			return errors.Join(errClient, err)
		}
	}
	if extra { // what this FETCH itself changed
		f.s.enc.Raw(" FLAGS ")
		f.s.writeFlags(m.flags)
	}
	if f.uid && marked {
		enc.Raw(" UID ").Number(uint64(m.flags.UID))
	}
	if f.modseq && (f.flags || extra) {
		enc.Raw(" MODSEQ (").Number(uint64(m.flags.ModSeq)).Raw(")")
	}
	enc.Raw(")\r\n")
	if err := enc.Err(); err != nil {
		return errors.Join(errClient, err)
	}
	return nil
}
