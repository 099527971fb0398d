package main

import (
	"bufio"
	"bytes"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sink is an outside mail server that takes everything and costs next to
// nothing: it looks at the first letter of a command and, in a message, for the
// line that numbers it.
type sink struct {
	l    net.Listener
	mu   sync.Mutex
	seen map[uint64]int // arrivals by number
	last time.Time
}

func newSink() (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{l: l, seen: map[uint64]int{}}
	go s.accept()
	return s, nil
}

func (s *sink) addr() string { return s.l.Addr().String() }

func (s *sink) close() { _ = s.l.Close() }

// state tells how many different messages have come, how many came again, and
// when the last came.
func (s *sink) state() (messages, again int, last time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.seen {
		again += n - 1
	}
	return len(s.seen), again, s.last
}

// forget begins anew.
func (s *sink) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = map[uint64]int{}
}

func (s *sink) accept() {
	for {
		c, err := s.l.Accept()
		if err != nil {
			return
		}
		go s.talk(c)
	}
}

// talk answers one connection, with one write for all commands that came
// together (RFC 2920).
func (s *sink) talk(c net.Conn) {
	defer c.Close()
	r, w := bufio.NewReaderSize(c, 64<<10), bufio.NewWriter(c)
	_, _ = w.WriteString("220 sink.example ESMTP\r\n")
	for {
		if r.Buffered() == 0 {
			if w.Flush() != nil {
				return
			}
		}
		line, err := r.ReadSlice('\n')
		if err != nil || len(line) < 4 {
			return
		}
		switch verb := strings.ToUpper(string(line[:4])); verb {
		case "EHLO":
			_, _ = w.WriteString("250-sink.example\r\n250-PIPELINING\r\n250-SIZE\r\n250 8BITMIME\r\n")
		case "DATA":
			_, _ = w.WriteString("354 go on\r\n")
			if w.Flush() != nil || s.take(r) != nil {
				return
			}
			_, _ = w.WriteString("250 2.0.0 taken\r\n")
		case "QUIT":
			_, _ = w.WriteString("221 2.0.0 bye\r\n")
			_ = w.Flush()
			return
		default:
			_, _ = w.WriteString("250 2.0.0 ok\r\n")
		}
	}
}

// take reads one message to its dot and notes its number.
func (s *sink) take(r *bufio.Reader) error {
	var number uint64
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if rest, ok := bytes.CutPrefix(line, []byte(marker)); ok && number == 0 {
			number, _ = strconv.ParseUint(string(bytes.TrimSpace(rest)), 10, 64)
		}
		if string(line) == ".\r\n" {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[number]++
	s.last = time.Now()
	return nil
}
