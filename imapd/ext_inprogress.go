package imapd

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"postroom/internal/mail"
)

// progress is how far the running command is, for INPROGRESS (RFC 9585). It
// tells nothing before ProgressTime is over, nor more often.
type progress struct {
	tag        string    // of the running command; "": none runs
	told       time.Time // when the client last heard of it
	done, goal int64     // messages; goal 0: they are not counted
}

// counting begins to count to goal and gives the function that counts on. What
// a command does first is what it counts: the goal does not change within one
// (RFC 9585 §4). The function may be called only between two responses.
func (s *session) counting(goal int64) (step func(n int64)) {
	first := s.progress.goal == 0
	if first {
		s.progress.goal = goal
	}
	return func(n int64) {
		if first {
			s.progress.done += n
		}
		if time.Since(s.progress.told) >= s.srv.ProgressTime {
			s.tellProgress()
		}
	}
}

// tellProgress writes
//
//	resp-text-code =/ "INPROGRESS" [SP "(" inprogress-tag SP inprogress-state ")"]   ; RFC 9585 §5
//
// A tag with "]" would end the code, so NIL stands for it; what is done stays
// below the goal until the tagged reply.
func (s *session) tellProgress() {
	p := &s.progress
	p.told = time.Now()
	if p.tag == "" || s.without("INPROGRESS") {
		return
	}
	s.enc.Raw("* OK [INPROGRESS (")
	if strings.Contains(p.tag, "]") {
		s.enc.Raw("NIL")
	} else {
		s.enc.String(p.tag)
	}
	if p.goal > 0 {
		s.enc.Raw(" ").Number(uint64(min(p.done, p.goal-1))).Raw(" ").Number(uint64(p.goal))
	} else {
		s.enc.Raw(" NIL NIL")
	}
	s.enc.Raw(")] still at it\r\n")
	_ = s.enc.Flush() // who is gone is noticed by the tagged reply
}

// await runs a change of the store, of about goal messages, while this
// goroutine tells the client of its progress. The change goes on while the
// client is slow to read that.
func (s *session) await(ctx context.Context, goal int64, change func(context.Context) error) error {
	step := s.counting(goal)
	var done atomic.Int64
	ended := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				ended <- &panicked{fmt.Sprintf("%v\n%s", r, debug.Stack())}
			}
		}()
		ended <- change(mail.WithProgress(ctx, func(n int64) { done.Add(n) }))
	}()
	tick := time.NewTicker(s.srv.ProgressTime)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if p, ok := err.(*panicked); ok {
				panic(p.text) // the session's own end catches it
			}
			return err
		case <-tick.C:
			step(done.Swap(0))
		}
	}
}
