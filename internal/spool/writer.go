package spool

import (
	"crypto/sha256"
	"hash"
	"os"

	"postroom/internal/mail"
	"postroom/internal/message"
)

// Writer takes one message's octets. Its first error is final: the caller may
// stop, or go on reading from the peer without writing.
type Writer struct {
	s      *Spool
	limit  int64
	parser *message.Parser
	hash   hash.Hash
	size   int64
	lastCR bool
	err    error

	plain []byte // of the chunk being filled
	store chunks
}

// chunks are compressed frames, in memory or one after the other in a file.
type chunks struct {
	s      *Spool
	memory [][]byte
	held   int64 // octets in memory, or reserved in the file
	file   *os.File
	ends   []int64 // of each frame in the file
	buf    []byte
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

func (w *Writer) endChunk() error {
	err := w.store.add(compress(w.plain))
	w.plain = w.plain[:0]
	return err
}

// Finish ends the message. After an error nothing is held any more.
func (w *Writer) Finish() (*Message, error) {
	if w.err == nil && w.lastCR {
		w.err = bareCR
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
	w.plain, w.store = nil, chunks{}
	return m, nil
}

// Discard drops everything; it may be called more than once.
func (w *Writer) Discard() {
	w.store.discard()
	w.plain = nil
	if w.err == nil {
		w.err = mail.Errorf(mail.CodeInternal, "the message was discarded")
	}
}

// add keeps one frame: in memory while there is room, else in a file.
func (c *chunks) add(frame []byte) error {
	if c.file == nil && c.held+int64(len(frame)) <= c.s.maxMemory {
		c.memory = append(c.memory, frame)
		c.held += int64(len(frame))
		return nil
	}
	if c.file == nil {
		f, err := c.s.file()
		if err != nil {
			return err
		}
		before := c.memory
		c.file, c.memory, c.held = f, nil, 0
		for _, m := range before {
			if err := c.append(m); err != nil {
				return err
			}
		}
	}
	return c.append(frame)
}

func (c *chunks) append(frame []byte) error {
	if err := c.s.reserve(int64(len(frame))); err != nil {
		return err
	}
	c.held += int64(len(frame))
	if _, err := c.file.Write(frame); err != nil {
		return diskError(err)
	}
	c.ends = append(c.ends, c.held)
	return nil
}

func (c *chunks) discard() {
	if c.file != nil {
		c.file.Close()
		c.s.inFiles.Add(-c.held)
	}
	*c = chunks{s: c.s}
}
