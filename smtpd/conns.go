package smtpd

import (
	"net"
	"sync"
	"time"

	"postroom/internal/listen"
	"postroom/internal/maillog"
)

// enter counts a connection; false when the server is going down.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.open++
	return true
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open--; s.stopping && s.open == 0 {
		close(s.idle)
	}
}

// add makes a wire known to Shutdown, which it may have missed.
func (s *Server) add(w *wire) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wires[w] = struct{}{}
	w.stopping = s.stopping
}

// replace hands a connection from one wire to the next.
func (s *Server) replace(old, next *wire) {
	s.add(next)
	s.mu.Lock()
	delete(s.wires, old)
	s.mu.Unlock()
	s.queue.push(next)
}

// forget is the end of a wire and its connection.
func (s *Server) forget(w *wire) {
	s.mu.Lock()
	_, known := s.wires[w]
	delete(s.wires, w)
	s.mu.Unlock()
	if !known {
		return
	}
	s.log.Disconnect(maillog.Session(w.peer), w.why, time.Since(w.counts.began))
	s.leave()
}

func (s *Server) addListener(l *listen.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Server) dropListener(l *listen.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

// queue is the net.Listener that go-smtp accepts wires from.
type queue struct {
	wires chan *wire
	done  chan struct{}
	once  sync.Once
}

func newQueue() *queue { return &queue{wires: make(chan *wire), done: make(chan struct{})} }

func (q *queue) push(w *wire) {
	select {
	case q.wires <- w:
	case <-q.done:
		w.Close()
	}
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case w := <-q.wires:
		return w, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

func (q *queue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

func (q *queue) Addr() net.Addr { return &net.TCPAddr{} }
