package imapd

import (
	"context"
	"strconv"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// expunge = "EXPUNGE"            ; RFC 9051 §6.4.3
func runExpunge(ctx context.Context, s *session, _ struct{}) (reply, error) {
	return s.expunge(ctx, nil)
}

// parseUIDExpunge parses
//
//	uid-expunge = "EXPUNGE" SP sequence-set            ; RFC 9051 §6.4.9, RFC 4315
func parseUIDExpunge(_ *session, d *wire.Decoder) wire.NumSet { return d.NumSet() }

func runUIDExpunge(ctx context.Context, s *session, set wire.NumSet) (reply, error) {
	return s.expunge(ctx, &set)
}

// expunge removes messages with \Deleted that this client counts: one that
// arrived with \Deleted unseen by the client stays. The store looks at
// \Deleted again under its lock. The update after the command tells.
func (s *session) expunge(ctx context.Context, set *wire.NumSet) (reply, error) {
	if err := s.numbers(ctx); err != nil {
		return reply{}, err
	}
	if err := s.writable(mail.RightExpunge); err != nil {
		return reply{}, err
	}
	var only mail.UIDSet
	if set != nil {
		uids, err := s.resolve(*set, true)
		if err != nil || len(uids) == 0 {
			return reply{}, err
		}
		only = uids
	}
	uids := s.deletedUIDs(only)
	if set != nil {
		uids = s.limit(uids)
	}
	if len(uids) == 0 {
		return reply{}, nil
	}
	res, err := s.expungeUIDs(ctx, uids)
	if err != nil {
		return reply{}, err
	}
	s.sel.stale = true
	return s.expungedReply(ctx, res.ModSeq > 0)
}

func (s *session) expungeUIDs(ctx context.Context, uids mail.UIDSet) (res mail.ExpungeResult, err error) {
	err = s.await(s.sel.guard(ctx, s, mail.RightExpunge), uids.Len(), func(ctx context.Context) (err error) {
		res, err = s.srv.Store.Expunge(ctx, s.sel.mailbox.Account, s.sel.mailbox.ID, &uids)
		return err
	})
	return res, err
}

// expungedReply completes EXPUNGE and MOVE: clients of CONDSTORE get
// HIGHESTMODSEQ in the tagged OK (RFC 7162 §3.2.7, RFC 6851 §4.4), once
// everything up to it has been told.
func (s *session) expungedReply(ctx context.Context, any bool) (reply, error) {
	if !any || !s.has(featureCondstore) {
		return reply{}, nil
	}
	if err := s.update(ctx, true); err != nil {
		return reply{}, err
	}
	return reply{code: "HIGHESTMODSEQ " + strconv.FormatUint(uint64(s.sel.view.ModSeq()), 10)}, nil
}

// deletedUIDs gives the messages with \Deleted, of only when it is not nil.
func (s *session) deletedUIDs(only mail.UIDSet) mail.UIDSet {
	if only == nil {
		only = mail.UIDSet{{Lo: 1, Hi: ^mail.UID(0)}}
	}
	var uids mail.UIDSet
	for _, m := range s.sel.view.All(only) {
		if m.Flags&mail.FlagDeleted != 0 && !s.sel.view.Gone(m.UID) {
			uids.Append(m.UID)
		}
	}
	return uids
}
