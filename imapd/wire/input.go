package wire

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// Errors that ReadCommand gives for a framed but refused command. The frame is
// intact: the next ReadCommand starts at the next command.
var (
	// ErrCommandTooLong means that line and literals exceed the limit.
	ErrCommandTooLong = errors.New("command too long")
	// ErrLiteralTooBig means that one literal exceeds what the command may hold.
	ErrLiteralTooBig = errors.New("literal too large")
	// ErrFrame means that the stream can't be followed any further; the
	// connection must be closed.
	ErrFrame = errors.New("protocol stream lost")
)

const (
	bufferSize = 4 << 10
	// maxSkip bounds how much of a refused command is read and dropped before
	// the connection is closed instead.
	maxSkip = 8 << 20
)

var buffers = sync.Pool{New: func() any { b := make([]byte, bufferSize); return &b }}

// Literal is the header of a literal whose octets have not been read.
type Literal struct {
	Size    int64
	NonSync bool // {n+} (RFC 7888): the octets come without our asking
	Binary  bool // ~{n} (RFC 3516): may hold NUL
}

// Input frames commands out of a byte stream. It holds no buffer while it
// waits for a client's first octet.
type Input struct {
	src io.Reader
	// Continue asks the client for a synchronizing literal: it must send
	// everything pending and "+ ".
	Continue func() error
	// Limit bounds the octets of one command, buffered literals included.
	Limit int

	small   [64]byte // what a waiting read reads into
	buf     *[]byte  // pooled, while there is unread input
	unread  []byte
	cmd     []byte
	pending *Literal // announced, octets unread
	rest    int64    // octets of the open literal still unread
	open    bool     // a literal was begun; its line goes on behind it
}

// NewInput frames what src gives.
func NewInput(src io.Reader, limit int) *Input { return &Input{src: src, Limit: limit} }

// Buffered counts octets that arrived and were not framed yet.
func (in *Input) Buffered() int { return len(in.unread) }

// Discard drops what arrived after a command: STARTTLS must not let
// plain-text input act inside TLS (RFC 9051 §11.1).
func (in *Input) Discard() { in.unread = nil; in.release() }

// Reset makes src the stream, as after a TLS handshake.
func (in *Input) Reset(src io.Reader) { in.Discard(); in.src = src }

// Follow reads on from src behind what arrived, as when a layer ends.
func (in *Input) Follow(src io.Reader) { in.src = src }

// Wait blocks until input is there. An error of the stream, a time-out
// included, leaves the Input usable.
func (in *Input) Wait() error {
	if len(in.unread) > 0 {
		return nil
	}
	in.release()
	n, err := in.src.Read(in.small[:])
	in.unread = in.small[:n]
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// release gives back the buffers that only a running command needs.
func (in *Input) release() {
	if in.buf != nil {
		buffers.Put(in.buf)
		in.buf = nil
	}
	if cap(in.cmd) > bufferSize || len(in.unread) == 0 {
		in.cmd = nil
	}
}

func (in *Input) fill() error {
	if len(in.unread) > 0 {
		return nil
	}
	if in.buf == nil {
		in.buf = buffers.Get().(*[]byte)
	}
	for range 100 {
		n, err := in.src.Read(*in.buf)
		if n > 0 {
			in.unread = (*in.buf)[:n]
			return nil
		}
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// line is what readLine learnt about one line.
type line struct {
	tail    []byte // its last octets, CRLF included
	tooLong bool
	length  int
}

// readLine appends one line with its CRLF to cmd; beyond the limit it reads on
// to the line's end but keeps only the tail, which may announce a literal.
func (in *Input) readLine(limit int) (line, error) {
	var l line
	start := len(in.cmd)
	var tail []byte
	for {
		if err := in.fill(); err != nil {
			return l, err
		}
		chunk := in.unread
		i := bytes.IndexByte(chunk, '\n')
		if i >= 0 {
			chunk = chunk[:i+1]
		}
		in.unread = in.unread[len(chunk):]
		l.length += len(chunk)
		switch {
		case l.tooLong:
			tail = keepTail(tail, chunk)
		case len(in.cmd)+len(chunk) > limit:
			l.tooLong = true
			tail = keepTail(keepTail(nil, in.cmd[start:]), chunk)
		default:
			in.cmd = append(in.cmd, chunk...)
		}
		if l.length > maxSkip {
			return l, ErrFrame
		}
		if i >= 0 {
			break
		}
	}
	if l.tooLong {
		l.tail = tail
	} else {
		l.tail = in.cmd[max(start, len(in.cmd)-tailSize):]
	}
	return l, nil
}

// tailSize holds the longest literal header that can be right.
const tailSize = 32

func keepTail(tail, chunk []byte) []byte {
	tail = append(tail, chunk[max(0, len(chunk)-tailSize):]...)
	return tail[max(0, len(tail)-tailSize):]
}
