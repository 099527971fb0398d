package imapd

import (
	"context"
	"strconv"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

type copyArgs struct {
	set  wire.NumSet
	name string
}

// parseCopy parses
//
//	copy = "COPY" SP sequence-set SP mailbox            ; RFC 9051 §6.4.7
//	move = "MOVE" SP sequence-set SP mailbox            ; RFC 9051 §6.4.8, RFC 6851
func parseCopy(s *session, d *wire.Decoder) (a copyArgs) {
	a.set = d.NumSet()
	d.SP()
	a.name = s.mailboxName(d)
	return a
}

func runCopy(ctx context.Context, s *session, a copyArgs) (reply, error) {
	return s.copy(ctx, a, false)
}

func runUIDCopy(ctx context.Context, s *session, a copyArgs) (reply, error) {
	return s.copy(ctx, a, true)
}

func (s *session) copy(ctx context.Context, a copyArgs, uid bool) (reply, error) {
	uids, dst, err := s.copySource(ctx, a, uid)
	if err != nil || len(uids) == 0 {
		return reply{}, err
	}
	if s.limit(uids); s.limited != 0 { // all or none (RFC 9738 §3.1)
		code := s.limitCode()
		s.limited = 0
		return reply{}, no(code, "too many messages to copy at once")
	}
	ctx = s.guardCopy(ctx, dst, mail.RightRead)
	var res mail.CopyResult
	err = s.await(ctx, s.count(uids), func(ctx context.Context) (err error) {
		if s.across(dst) {
			res, err = s.srv.Store.CopyAcross(ctx, s.copyArgs(uids, dst))
		} else {
			res, err = s.srv.Store.Copy(ctx, dst.box.Account, s.sel.mailbox.ID, uids, dst.box.ID)
		}
		return err
	})
	if err != nil {
		return reply{}, tryCreate(err)
	}
	s.touched(dst.box.ID)
	return reply{code: copyUID(res)}, nil
}

// copySource finds messages and target. A sequence number whose message is
// gone fails the command before anything is copied; a UID is passed over.
func (s *session) copySource(ctx context.Context, a copyArgs, uid bool) (uids mail.UIDSet, dst place, err error) {
	if err := s.numbers(ctx); err != nil {
		return nil, dst, err
	}
	if uids, err = s.resolve(a.set, uid); err != nil {
		return nil, dst, err
	}
	if dst, err = s.placeWith(ctx, a.name, mail.RightInsert); err != nil {
		return nil, dst, tryCreate(err)
	}
	if !uid && s.anyGone(uids) {
		return nil, dst, no("EXPUNGEISSUED", "some of the messages no longer exist")
	}
	return uids, dst, nil
}

func (s *session) anyGone(uids mail.UIDSet) bool {
	for _, m := range s.sel.view.All(uids) {
		if s.sel.view.Gone(m.UID) {
			return true
		}
	}
	return false
}

// copyUID gives the COPYUID code (RFC 4315 §3), "" when nothing was copied.
func copyUID(res mail.CopyResult) string {
	if len(res.Src) == 0 {
		return ""
	}
	return "COPYUID " + strconv.FormatUint(uint64(res.UIDValidity), 10) + " " + res.Src.String() + " " + res.Dst.String()
}
