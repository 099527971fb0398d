package imapd

import (
	"context"
	"slices"

	"postroom/imapd/view"
	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// resync is the QRESYNC parameter of SELECT: what the client knows.
type resync struct {
	uidValidity uint32
	since       mail.ModSeq
	known       mail.UIDSet // nil: all
	// A sample of sequence numbers, and the UIDs that the client knows them
	// to have, one for each, ascending.
	seqs, uids mail.UIDSet
}

// parseResync parses what follows the word QRESYNC
//
//	SP "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"   ; RFC 7162 §7
//	seq-match-data = "(" known-sequence-set SP known-uid-set ")"
func parseResync(s *session, d *wire.Decoder) *resync {
	if !s.has(featureQresync) {
		d.Fail("QRESYNC needs ENABLE QRESYNC")
	}
	r := &resync{}
	d.SP()
	d.Expect('(')
	r.uidValidity = d.NZNumber()
	d.SP()
	r.since = mail.ModSeq(d.Number64())
	more := d.Try(' ')
	if more && d.Peek() != '(' {
		r.known = parseKnown(d).Resolve(0)
		more = d.Try(' ')
	}
	if more {
		r.parseMatch(d)
	}
	d.Expect(')')
	return r
}

// parseKnown parses a sequence-set in which "*" is not allowed.
func parseKnown(d *wire.Decoder) wire.NumSet {
	set := d.NumSet()
	for _, r := range set.Ranges {
		if r.Lo == 0 || r.Hi == 0 {
			d.Fail("* is not allowed here")
		}
	}
	if set.Saved {
		d.Fail("$ is not allowed here")
	}
	return set
}

func (r *resync) parseMatch(d *wire.Decoder) {
	d.Expect('(')
	r.seqs = parseAscending(d)
	d.SP()
	r.uids = parseAscending(d)
	d.Expect(')')
	if r.seqs.Len() != r.uids.Len() {
		d.Fail("as many UIDs as sequence numbers are needed")
	}
}

func parseAscending(d *wire.Decoder) mail.UIDSet {
	set := parseKnown(d)
	var last uint32
	for _, r := range set.Ranges {
		if r.Lo <= last || r.Hi < r.Lo {
			d.Fail("expected an ascending set")
		}
		last = r.Hi
	}
	return set.Resolve(0)
}

// of tells whether r is about this mailbox as it is now: with another
// UIDVALIDITY the rest is ignored (RFC 7162 §3.2.5).
func (r *resync) of(box mail.Mailbox) bool { return r != nil && r.uidValidity == box.UIDValidity }

// resync answers SELECT (QRESYNC …): what of the known UIDs vanished and what
// changed. ch and the view are of the same moment.
func (s *session) resync(ctx context.Context, r *resync, ch mail.Changes) error {
	known := r.known
	if known == nil {
		known = mail.UIDSet{{Lo: 1, Hi: ^mail.UID(0)}}
	}
	known = below(known, ch.State.UIDNext)
	gone := ch.Vanished.Intersect(known)
	ch.Rows = slices.DeleteFunc(ch.Rows, func(m mail.MessageFlags) bool { return !known.Contains(m.UID) })
	// UIDFETCH needs no sequence numbers, and so no mailbox.
	if len(ch.Rows) > 0 && !s.has(featureUIDOnly) || !ch.Complete {
		if err := s.viewError(s.sel.view.Build(ctx)); err != nil {
			return err
		}
	}
	if !ch.Complete {
		// Below the log's floor every UID that is not there is told (§5.3).
		unsure := known.Subtract(below(known, s.matched(r)+1))
		gone = unsure.Subtract(s.sel.view.Counted(unsure))
	}
	s.writeEarlier(gone)
	for _, m := range ch.Rows {
		seq, _ := s.sel.view.Seq(m.UID)
		if err := s.tellFlags(ctx, seq, m); err != nil {
			return err
		}
	}
	return s.enc.Err()
}

// below gives the UIDs of set under end.
func below(set mail.UIDSet, end mail.UID) mail.UIDSet {
	if end <= 1 {
		return nil
	}
	return set.Intersect(mail.UIDSet{{Lo: 1, Hi: end - 1}})
}

// matched gives the highest UID of the sample that still has its sequence
// number: the client knows of every expunge up to it (RFC 7162 §3.2.5.2). 0
// when there is none.
func (s *session) matched(r *resync) mail.UID {
	last := int64(s.sel.view.Messages())
	i, j := len(r.seqs)-1, len(r.uids)-1
	var si, uj int64 // how many of the last range are done
	for i >= 0 && j >= 0 {
		seq, uid := int64(r.seqs[i].Hi)-si, int64(r.uids[j].Hi)-uj
		n := min(seq-int64(r.seqs[i].Lo), uid-int64(r.uids[j].Lo)) + 1
		for k := max(0, seq-last); k < n; k++ {
			if is, ok := s.sel.view.UID(uint32(seq - k)); ok && int64(is) == uid-k {
				return is
			}
		}
		if si += n; si == int64(r.seqs[i].Hi)-int64(r.seqs[i].Lo)+1 {
			i, si = i-1, 0
		}
		if uj += n; uj == int64(r.uids[j].Hi)-int64(r.uids[j].Lo)+1 {
			j, uj = j-1, 0
		}
	}
	return 0
}

// tellEarlier answers VANISHED of UID FETCH (RFC 7162 §3.2.6). "*" is the
// highest UID that the client can know of. A message that it still counts is
// told without EARLIER, by the update after the command.
func (s *session) tellEarlier(ctx context.Context, set wire.NumSet, since mail.ModSeq) error {
	v := s.sel.view
	asked := s.sel.saved
	if !set.Saved {
		asked = set.Resolve(uint32(v.UIDNext() - 1))
	}
	gone, complete, err := s.srv.Store.VanishedSince(ctx, s.sel.mailbox.Account, s.sel.mailbox.ID, since)
	if err != nil {
		return err
	}
	asked = below(asked, v.UIDNext())
	if complete {
		asked = asked.Intersect(gone)
	}
	s.writeEarlier(asked.Subtract(v.Counted(asked)))
	return nil
}

// writeEarlier writes
//
//	expunged-resp = "VANISHED" [SP "(EARLIER)"] SP known-uids   ; RFC 7162 §3.2.10
func (s *session) writeEarlier(gone mail.UIDSet) {
	if len(gone) > 0 {
		s.enc.Raw("* VANISHED (EARLIER) ").Set(gone).CRLF()
	}
}

// tellVanished writes the expunges that begin the updates as one VANISHED, and
// gives the updates behind them.
func (s *session) tellVanished(updates []view.Update) []view.Update {
	n := 0
	for n < len(updates) && updates[n].Kind == view.Expunged {
		n++
	}
	var gone mail.UIDSet
	for i := n - 1; i >= 0; i-- { // the view gives the highest first
		gone.Append(updates[i].Row.UID)
	}
	if n > 0 {
		s.enc.Raw("* VANISHED ").Set(gone).CRLF()
	}
	return updates[n:]
}

// tellLag keeps a client from taking a MODSEQ that it saw for its HIGHESTMODSEQ
// while a VANISHED below it is held back, or the mailbox could not be read
// (RFC 7162 §3.2, §6): it would never learn of that when its connection broke.
func (s *session) tellLag(unread bool) {
	if v := s.sel.view; s.has(featureQresync) && (unread || v.ModSeq() < v.Synced()) {
		s.writeHighest(v.ModSeq())
	}
}
