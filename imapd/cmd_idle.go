package imapd

import (
	"context"
	"errors"
	"strings"
	"time"

	"postroom/imapd/wire"
)

// idle = "IDLE" CRLF "DONE"            ; RFC 9051 §6.3.13, RFC 2177
//
// While it waits the session holds neither buffers nor a snapshot. It begins with
// an EXISTS that stood beside the answer to another command: Thunderbird looks
// for new mail only when IDLE or NOOP say so, and would miss it.
func runIdle(ctx context.Context, s *session, _ struct{}) (reply, error) {
	s.enc.Raw("+ idling\r\n")
	if s.sel != nil && s.notify == nil {
		s.wakeOn(s.sel.watch)
		defer func() {
			s.wakeOn(Watch{})
			s.sel.stale, s.sel.beside = true, false
		}()
		s.sel.stale = true
		if s.sel.beside {
			s.enc.Raw("* ").Number(uint64(s.sel.view.Messages())).Raw(" EXISTS\r\n")
		}
	}
	until := time.Now().Add(s.srv.IdleTime)
	for {
		if s.in.Buffered() == 0 {
			if err := s.idleUpdate(ctx); err != nil {
				return reply{}, err
			}
			if err := s.enc.Flush(); err != nil {
				return reply{}, err
			}
		}
		err := s.conn.wait(s.in.Wait, until)
		if err == nil {
			return s.idleDone()
		}
		if !errors.Is(err, errWoken) {
			return reply{}, err
		}
		if err := s.woken(ctx); err != nil {
			return reply{}, err
		}
		if s.sel != nil && s.notify == nil {
			s.sel.stale = true
		}
	}
}

// idleUpdate tells what is new; a store that is away is asked again later.
func (s *session) idleUpdate(ctx context.Context) error {
	s.tellMetadata(ctx)
	if s.notify != nil {
		return s.notifyChanges(ctx, true) // the same events as at any time (RFC 5465 §4)
	}
	if s.sel == nil {
		return nil
	}
	err := s.update(ctx, true)
	if fatal(err) {
		return err
	}
	if err != nil {
		s.logInternal("IDLE", err)
		s.recheckLater()
		return nil
	}
	if len(s.sel.live) == 0 {
		s.sel.view.Release()
	}
	return nil
}

func (s *session) idleDone() (reply, error) {
	line, err := s.in.ReadResponse(limitBeforeLogin)
	if err == wire.ErrCommandTooLong || err == nil && !strings.EqualFold(string(line), "DONE") {
		return reply{}, bad("IDLE ends with DONE")
	}
	return reply{}, err
}
