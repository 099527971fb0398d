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
func runIdle(_ context.Context, s *session, _ struct{}) (reply, error) {
	s.enc.Raw("+ idling\r\n")
	if s.sel != nil && s.notify == nil {
		s.wakeOn(s.sel.watch)
		s.sel.stale = true
		if s.sel.beside {
			s.enc.Raw("* ").Number(uint64(s.sel.view.Messages())).Raw(" EXISTS\r\n")
		}
	}
	s.idling, s.until = true, time.Now().Add(s.srv.IdleTime)
	return reply{}, errIdling
}

// errIdling says that the command goes on until the client sends DONE.
var errIdling = errors.New("idling")

// finishIdle ends IDLE by what the client sent.
func (s *session) finishIdle(ctx context.Context) error {
	rep, err := s.idleDone()
	s.endIdle()
	rep, err = s.after(ctx, commands["IDLE"], rep, err)
	return s.complete(s.tag, "IDLE", rep, err)
}

// endIdle ends the state that IDLE put the session in, if it did.
func (s *session) endIdle() {
	if !s.idling {
		return
	}
	s.idling = false
	if s.sel != nil && s.notify == nil {
		s.wakeOn(Watch{})
		s.sel.stale, s.sel.beside = true, false
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
