package spool

import (
	"crypto/sha256"
	"hash"
	"sync"

	"postroom/internal/mail"
	"postroom/internal/message"
)

// smallChunk is up to which size a chunk grows by itself.
const smallChunk = 64 << 10

var chunkRooms = sync.Pool{New: func() any { return new([mail.ChunkSize]byte) }}

// Writer takes one message's octets. Its first error is final and frees what
// was held: the caller may stop, or go on reading from the peer without writing.
// Beside what the Spool's limits allow, a Writer holds one chunk in memory.
type Writer struct {
	s      *Spool
	limit  int64
	parser *message.Parser
	hash   hash.Hash
	size   int64
	lastCR bool
	err    error

	plain  []byte // of the chunk being filled
	pooled bool   // plain is a whole chunk's room, from the pool
	store  chunks
}

// Begin opens a message of at most limit octets (0: no limit). extra holds
// header lines that will stand before it and count for its summary; nil when
// there are none.
func (s *Spool) Begin(extra []byte, limit int64) *Writer {
	return &Writer{s: s, limit: limit, parser: message.NewParser(extra), hash: sha256.New(), store: chunks{s: s}}
}

// Write takes the next octets. Errors: mail.CodeBadMessage (bare CR, bare LF
// or NUL), CodeTooBig, CodeStorageFull, CodeUnavailable.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err == nil {
		w.err = w.take(p)
	}
	if w.err != nil {
		w.Discard()
		return 0, w.err
	}
	return len(p), nil
}

func (w *Writer) take(p []byte) error {
	if w.limit > 0 && w.size+int64(len(p)) > w.limit {
		return mail.Errorf(mail.CodeTooBig, "the message is larger than %d octets", w.limit)
	}
	if err := w.check(p); err != nil {
		return err
	}
	w.size += int64(len(p))
	w.hash.Write(p)
	w.parser.Write(p)
	for len(p) > 0 {
		n := min(len(p), mail.ChunkSize-len(w.plain))
		w.grow(n)
		w.plain = append(w.plain, p[:n]...)
		p = p[n:]
		if len(w.plain) == mail.ChunkSize {
			if err := w.endChunk(); err != nil {
				return err
			}
		}
	}
	return nil
}

// grow makes room for n octets: as much as is needed while the message is
// small, else a whole chunk from the pool.
func (w *Writer) grow(n int) {
	if w.pooled || len(w.plain)+n <= smallChunk {
		return
	}
	room := chunkRooms.Get().(*[mail.ChunkSize]byte)
	w.plain, w.pooled = room[:copy(room[:], w.plain)], true
}

// free gives the room back.
func (w *Writer) free() {
	if w.pooled {
		chunkRooms.Put((*[mail.ChunkSize]byte)(w.plain[:mail.ChunkSize]))
	}
	w.plain, w.pooled = nil, false
}

func (w *Writer) endChunk() error {
	err := w.store.add(w.plain)
	w.plain = w.plain[:0]
	return err
}

// Finish ends the message. After an error nothing is held any more.
func (w *Writer) Finish() (*Message, error) {
	if w.err == nil && w.lastCR {
		w.err = bareCR(w.size - 1)
	}
	if w.err == nil && len(w.plain) > 0 {
		w.err = w.endChunk()
	}
	if w.err != nil {
		w.Discard()
		return nil, w.err
	}
	m := &Message{Summary: w.parser.Finish(), chunks: w.store}
	m.Summary.Size = w.size
	w.hash.Sum(m.Summary.Hash[:0])
	w.free()
	w.store = chunks{s: w.s}
	w.err = mail.Errorf(mail.CodeInternal, "the message is finished")
	return m, nil
}

// Discard drops everything; it may be called more than once.
func (w *Writer) Discard() {
	w.store.discard()
	w.free()
	w.parser = nil
	if w.err == nil {
		w.err = mail.Errorf(mail.CodeInternal, "the message was discarded")
	}
}
