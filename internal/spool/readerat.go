package spool

import (
	"io"

	"postroom/internal/mail"
)

// ReaderAt gives the plain octets at any place, holding one chunk. It is for
// one goroutine, and valid until Discard.
func (m *Message) ReaderAt() io.ReaderAt { return &readerAt{m: m, at: -1} }

type readerAt struct {
	m     *Message
	at    int // chunk that plain holds; -1: none
	plain []byte
}

// ReadAt implements io.ReaderAt.
func (r *readerAt) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		i := int((off + int64(n)) / mail.ChunkSize)
		if i >= r.m.Chunks() {
			return n, io.EOF
		}
		if err := r.load(i); err != nil {
			return n, err
		}
		from := (off + int64(n)) % mail.ChunkSize
		if from >= int64(len(r.plain)) {
			return n, io.EOF
		}
		n += copy(p[n:], r.plain[from:])
	}
	return n, nil
}

func (r *readerAt) load(i int) error {
	if i == r.at {
		return nil
	}
	frame, err := r.m.Chunk(i)
	if err != nil {
		return err
	}
	plain, err := ReadChunk(nil, frame)
	if err != nil {
		return err
	}
	r.at, r.plain = i, plain
	return nil
}
