package imapd

import (
	"context"

	"postroom/internal/mail"
)

// moveRights are those of the source (RFC 6851 §4.2).
const moveRights = mail.RightDeleted | mail.RightExpunge

func runMove(ctx context.Context, s *session, a copyArgs) (reply, error) {
	return s.move(ctx, a, false)
}

func runUIDMove(ctx context.Context, s *session, a copyArgs) (reply, error) {
	return s.move(ctx, a, true)
}

// move answers COPYUID in an untagged OK, so that a client learns it before
// the EXPUNGEs (RFC 6851 §4.3); those come with the update after the command.
func (s *session) move(ctx context.Context, a copyArgs, uid bool) (reply, error) {
	if err := s.sync(ctx); err != nil {
		return reply{}, err
	}
	if err := s.writable(moveRights); err != nil {
		return reply{}, err
	}
	uids, dst, err := s.copySource(ctx, a, uid)
	if err != nil || len(uids) == 0 {
		return reply{}, err
	}
	uids = s.limit(uids)
	ctx = s.guardCopy(ctx, dst, moveRights)
	var res mail.CopyResult
	err = s.await(ctx, s.count(uids), func(ctx context.Context) (err error) {
		if s.across(dst) {
			res, err = s.srv.Store.MoveAcross(ctx, s.copyArgs(uids, dst))
		} else {
			res, err = s.srv.Store.Move(ctx, dst.box.Account, s.sel.mailbox.ID, uids, dst.box.ID)
		}
		return err
	})
	s.sel.stale = true
	// What went before an error is told too: it is gone from here.
	if code := copyUID(res); code != "" {
		s.enc.Raw("* OK [", code, "] moved\r\n")
	}
	if err != nil {
		return reply{}, tryCreate(err)
	}
	return s.expungedReply(ctx, len(res.Src) > 0)
}
