package imapd

import (
	"context"
	"slices"
	"strings"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

type storeArgs struct {
	set            wire.NumSet
	mode           mail.StoreMode
	silent         bool
	flags          flagSet
	unchangedSince *mail.ModSeq
}

// parseStore parses
//
//	store           = "STORE" SP sequence-set [SP store-modifiers] SP store-att-flags   ; RFC 9051 §6.4.6
//	store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
//	store-modifiers = "(" "UNCHANGEDSINCE" SP mod-sequence-valzer ")"   ; RFC 7162 §3.1.3
func parseStore(_ *session, d *wire.Decoder) (a storeArgs) {
	a.set = d.NumSet()
	d.SP()
	if d.Try('(') {
		if d.Word() != "UNCHANGEDSINCE" {
			d.Fail("unknown STORE modifier")
		}
		d.SP()
		n := mail.ModSeq(d.Number64())
		a.unchangedSince = &n
		d.Expect(')')
		d.SP()
	}
	item := d.Word()
	switch {
	case strings.HasPrefix(item, "+"):
		a.mode, item = mail.StoreAdd, item[1:]
	case strings.HasPrefix(item, "-"):
		a.mode, item = mail.StoreRemove, item[1:]
	}
	switch item {
	case "FLAGS":
	case "FLAGS.SILENT":
		a.silent = true
	default:
		d.Fail("unknown STORE item")
	}
	d.SP()
	if d.Peek() == '(' {
		a.flags = parseFlagList(d)
		return a
	}
	for first := true; d.Err() == nil && (first || d.Try(' ')); first = false {
		a.flags.parseFlag(d)
	}
	return a
}

func runStore(ctx context.Context, s *session, a storeArgs) (reply, error) {
	return s.store(ctx, a, false)
}

func runUIDStore(ctx context.Context, s *session, a storeArgs) (reply, error) {
	return s.store(ctx, a, true)
}

func (s *session) store(ctx context.Context, a storeArgs, uid bool) (reply, error) {
	if a.unchangedSince != nil {
		s.enable(featureCondstore)
	}
	if err := s.numbers(ctx); err != nil {
		return reply{}, err
	}
	if err := s.writable(0); err != nil {
		return reply{}, err
	}
	if _, err := s.sel.allowed(a); err != nil {
		return reply{}, err
	}
	uids, err := s.resolve(a.set, uid)
	if err != nil || len(uids) == 0 {
		return reply{}, err
	}
	uids = s.limit(uids)
	var res stored
	if err := s.storeFlags(ctx, a, uid, uids, a.unchangedSince, &res); err != nil {
		return reply{}, err
	}
	if a.unchangedSince != nil && a.mode != mail.StoreSet {
		if err := s.storeSame(ctx, a, uid, &res); err != nil {
			return reply{}, err
		}
	}
	return s.storeReply(uids, uid, res)
}

// stored is what a STORE did.
type stored struct {
	messages int64 // that it met, changed or not
	modified mail.UIDSet
}

// storePiece is how many messages are stored before their answers go out: no
// STORE holds the flags of a large mailbox at once.
const storePiece = 2000

// storeFlags stores, answers, and adds what was done to res: what of uids was
// modified before is forgotten. The rights are those of now: a STORE that is
// tried again may have lost some.
func (s *session) storeFlags(ctx context.Context, a storeArgs, uid bool, uids mail.UIDSet, unchangedSince *mail.ModSeq, res *stored) error {
	allowed, err := s.sel.allowed(a)
	if err != nil {
		return err
	}
	if !s.sel.rights.Has(flagRights) {
		a.silent = false // the client cannot know what is left of its flags
	}
	allowed.Account, allowed.Mailbox = s.sel.mailbox.Account, s.sel.mailbox.ID
	allowed.UnchangedSince = unchangedSince
	res.modified = res.modified.Subtract(uids)
	ctx = s.sel.guard(ctx, s, s.sel.rights&flagRights)
	step := s.counting(s.count(uids))
	for _, allowed.UIDs = range s.pieces(uids, storePiece) {
		var part mail.StoreResult
		err := s.await(ctx, 0, func(ctx context.Context) (err error) {
			part, err = s.srv.Store.StoreFlags(ctx, allowed)
			return err
		})
		if err != nil {
			return err
		}
		s.sel.stale = true
		if err := s.writeStored(ctx, a, uid, part.Rows); err != nil {
			return err
		}
		s.sel.view.Told(part.Rows)
		n := int64(len(part.Rows))
		res.messages += n
		res.modified = res.modified.Union(part.Modified)
		step(n)
	}
	return nil
}

// pieces cuts a set into such of so many messages each that the client counts.
func (s *session) pieces(uids mail.UIDSet, messages int) (all []mail.UIDSet) {
	n, lo := 0, mail.UID(1)
	for _, m := range s.sel.view.All(uids) {
		if n++; n%messages == 0 {
			all = append(all, uids.Intersect(mail.UIDSet{{Lo: lo, Hi: m.UID}}))
			lo = m.UID + 1
		}
	}
	if n%messages > 0 {
		all = append(all, uids.Intersect(mail.UIDSet{{Lo: lo, Hi: ^mail.UID(0)}}))
	}
	return all
}

// writeStored answers with the new flags; silent with CONDSTORE still gives
// UID and the new MODSEQ (RFC 7162 §3.1.3, §3.2.4), and the flags where the
// client can't know them (RFC 9051 §6.4.6).
func (s *session) writeStored(ctx context.Context, a storeArgs, uid bool, rows []mail.MessageFlags) error {
	modseq := s.has(featureCondstore)
	for _, m := range rows {
		if err := s.keywordsOf(ctx, m.Keywords); err != nil {
			return err
		}
		seq, ok := s.sel.view.Seq(m.UID)
		silent := ok && a.silent && s.foreseen(a, m)
		if !ok || silent && !modseq {
			continue
		}
		s.beginFetch(seq, m.UID)
		sep := ""
		if (uid || modseq) && !s.has(featureUIDOnly) {
			s.enc.Raw("UID ").Number(uint64(m.UID))
			sep = " "
		}
		if !silent {
			s.enc.Raw(sep, "FLAGS ")
			s.writeFlags(m)
			sep = " "
		}
		if modseq {
			s.enc.Raw(sep, "MODSEQ (").Number(uint64(m.ModSeq)).Raw(")")
		}
		s.enc.Raw(")\r\n")
	}
	return s.enc.Err()
}

// foreseen tells whether the client can work out the flags that a message has
// after its STORE: nobody else changed them unseen by it.
func (s *session) foreseen(a storeArgs, now mail.MessageFlags) bool {
	if a.mode == mail.StoreSet {
		return true
	}
	before, ok := s.sel.view.Row(now.UID)
	if !ok || s.sel.view.Untold(now.UID) || (before.Flags^now.Flags)&^a.flags.flags != 0 {
		return false
	}
	others := func(ids []int16) (out []int16) {
		for _, id := range ids {
			name := s.keywordName(id)
			if !slices.ContainsFunc(a.flags.keywords, func(k string) bool { return equalFold(k, name) }) {
				out = append(out, id)
			}
		}
		return out
	}
	if len(before.Keywords)+len(now.Keywords) == 0 {
		return true
	}
	return slices.Equal(others(before.Keywords), others(now.Keywords))
}

// storeReply names what UNCHANGEDSINCE refused, and tells of sequence numbers
// whose message another session expunged (RFC 9051 §7.1, EXPUNGEISSUED).
func (s *session) storeReply(uids mail.UIDSet, uid bool, res stored) (reply, error) {
	if len(res.modified) > 0 {
		set := res.modified.String()
		if !uid {
			set = s.sequences(res.modified).String()
		}
		return reply{code: "MODIFIED " + set, text: "conditional STORE failed for some"}, nil
	}
	if !uid && res.messages < s.count(uids) {
		return reply{}, no("EXPUNGEISSUED", "some of the messages no longer exist")
	}
	return reply{}, nil
}

// count is how many messages of a set the client counts.
func (s *session) count(uids mail.UIDSet) (n int64) {
	for range s.sel.view.All(uids) {
		n++
	}
	return n
}

// sequences gives the sequence numbers of UIDs as a set.
func (s *session) sequences(uids mail.UIDSet) (set mail.UIDSet) {
	for seq := range s.sel.view.All(uids) {
		set.Append(mail.UID(seq))
	}
	return set
}
