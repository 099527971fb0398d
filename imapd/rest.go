package imapd

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"syscall"
	"time"
)

// A session that waits costs little more than its goroutine's stack, and a
// stack hardly shrinks again once a log-in, a SELECT or a TLS record needed a
// deep one; a timer does already. So the session's goroutine itself does nothing
// but wait for octets, and what there is to do runs on another, which ends when
// the client falls silent. One of them runs at a time: the session still belongs
// to one goroutine.

// shortly is how long a client that has logged in may be silent before its
// session rests: commands that follow one another run on one goroutine.
const shortly = time.Second

// work runs commands, and handles wake-ups, until the client falls silent; for
// the first it waits so long. When it gives nil, conn waits.
func (s *session) work(ctx context.Context, patience time.Duration) error {
	for s.state != loggedOut {
		quiet, err := s.step(ctx, patience)
		if err != nil {
			return err
		}
		if quiet {
			if s.conn.socket == nil {
				return os.ErrDeadlineExceeded
			}
			if s.conn.beginWait(s.until) == nil {
				return nil
			}
			s.conn.wake() // the next step handles it
		} else if s.in.Buffered() == 0 {
			if err := s.beforeWait(ctx); err != nil {
				return err
			}
		}
		patience = s.patience()
	}
	return nil
}

// patience is how long to wait for the next command before the session rests.
// Who has not logged in, or idles, is not expected to go on at once; a read with
// no time at all takes what the layers above the socket still hold.
func (s *session) patience() time.Duration {
	switch {
	case s.conn.socket == nil:
		return s.srv.IdleTime // it cannot rest
	case s.state&loggedIn == 0, s.idling:
		return 0
	}
	return shortly
}

// rest waits until the socket has octets or an end, and reads nothing. No layer
// above the socket holds unread octets: a read has just found none.
func (s *session) rest() error { return s.conn.socket.Read(peek) }

// resume goes on with the work after a rest that ended with err.
func (s *session) resume(ctx context.Context, err error) error {
	err = s.conn.endWait(err)
	if err == errWoken {
		s.conn.wake() // the next step handles it
	} else if err != nil {
		return err
	}
	return s.work(ctx, shortly)
}

// peek tells whether a read of a socket would not wait.
func peek(fd uintptr) bool {
	var b [1]byte
	for {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		if err != syscall.EINTR {
			return err != syscall.EAGAIN
		}
	}
}

// socketOf gives what waits for a connection's octets below all layers; nil:
// it has no such thing.
func socketOf(c net.Conn) syscall.RawConn {
	if s, ok := c.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

// apart runs f on a goroutine of its own and waits for it. A panic goes on in
// the caller's.
func apart(f func() error) error {
	ended := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				ended <- &panicked{fmt.Sprintf("%v\n%s", r, debug.Stack())}
			}
		}()
		ended <- f()
	}()
	err := <-ended
	if p, ok := err.(*panicked); ok {
		panic(p.text) // the session's own end catches it
	}
	return err
}

// panicked carries a panic to the session's goroutine.
type panicked struct{ text string }

func (p *panicked) Error() string { return p.text }
