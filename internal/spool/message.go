package spool

import (
	"io"

	"postroom/internal/mail"
)

// Message is a whole message in the spool. It is mail.Content for the store.
// It is not safe for concurrent use.
type Message struct {
	Summary mail.Summary
	chunks  chunks
}

// Chunks counts the stored frames.
func (m *Message) Chunks() int {
	if m.chunks.file != nil {
		return len(m.chunks.ends)
	}
	return len(m.chunks.memory)
}

// Chunk gives frame i; the slice is valid until the next call.
func (m *Message) Chunk(i int) ([]byte, error) {
	c := &m.chunks
	if c.file == nil {
		return c.memory[i], nil
	}
	begin := int64(0)
	if i > 0 {
		begin = c.ends[i-1]
	}
	n := int(c.ends[i] - begin)
	if cap(c.buf) < n {
		c.buf = make([]byte, n)
	}
	c.buf = c.buf[:n]
	if _, err := c.file.ReadAt(c.buf, begin); err != nil {
		return nil, diskError(err)
	}
	return c.buf, nil
}

// Open gives the plain octets from the beginning.
func (m *Message) Open() (io.ReadCloser, error) { return &reader{m: m}, nil }

// Discard frees what the message holds; it may be called more than once.
func (m *Message) Discard() { m.chunks.discard() }

// reader reads the plain octets chunk by chunk.
type reader struct {
	m    *Message
	next int
	left []byte
}

func (r *reader) Read(p []byte) (int, error) {
	for len(r.left) == 0 {
		if r.next == r.m.Chunks() {
			return 0, io.EOF
		}
		frame, err := r.m.Chunk(r.next)
		if err != nil {
			return 0, err
		}
		if r.left, err = ReadChunk(nil, frame); err != nil {
			return 0, err
		}
		r.next++
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

func (r *reader) Close() error { return nil }
