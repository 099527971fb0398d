package imapd

import (
	"bytes"
	"errors"
	"io"
	"iter"
)

// inflater undoes DEFLATE (RFC 1951) as far as input is there. It is a
// coroutine: when input runs out in the middle of a block it stands still, and
// a time-out of the connection does not harm it. At the end of a block, and in
// one without codes of its own, it can rest, and then holds the window only.
//
// It takes an octet only when the bits that it has do not decide the next
// symbol. Clients flush by Z_PARTIAL_FLUSH, which keeps up to seven bits back:
// who looks further ahead waits for bits that come with the next command, and
// the client waits for its answer.
type inflater struct {
	in  []byte // arrived, not consumed
	out []byte // inflated, not taken
	err error  // it ended

	bits   uint32 // taken from in, not consumed, the first lowest
	nbits  int
	window []byte // what was inflated, at least the last 32 KiB
	given  int    // how much of window was output

	last     bool // this block ends the stream
	fixed    bool // it stands in a block with the fixed codes
	calm     bool // and what it waits for is a symbol of it, or the next block
	literals *prefixCode
	offsets  *prefixCode

	next  func() (struct{}, bool) // nil at rest
	stop  func()
	yield func(struct{}) bool
}

const (
	windowSize = 32 << 10
	// outputSize is how much is inflated before it is given.
	outputSize = 4 << 10
)

var (
	errRest    = errors.New("at rest")
	errDeflate = errors.New("not DEFLATE")
)

// inflate works until there is output, and gives false when it wants input.
func (f *inflater) inflate() bool {
	if len(f.out) > 0 || f.err != nil {
		return true
	}
	if f.next == nil {
		if len(f.in) == 0 {
			return false
		}
		f.next, f.stop = iter.Pull(f.run)
	}
	f.next()
	return len(f.out) > 0 || f.err != nil
}

// run is the coroutine: it yields when it has output or wants input.
func (f *inflater) run(yield func(struct{}) bool) {
	f.yield = yield
	for f.err == nil && (f.fixed || !f.last) {
		if f.fixed {
			f.coded()
		} else {
			f.block()
		}
		f.give()
	}
	if f.err == nil {
		f.err = io.EOF
	}
}

// wait hands over to the session.
func (f *inflater) wait() {
	if f.err == nil && !f.yield(struct{}{}) {
		f.err = errRest
	}
}

// give outputs what was inflated since, and keeps the window.
func (f *inflater) give() {
	if f.given < len(f.window) {
		f.out = f.window[f.given:]
		f.wait()
	}
	if len(f.window) > 2*windowSize {
		f.window = append(f.window[:0], f.window[len(f.window)-windowSize:]...)
	}
	f.given = len(f.window)
}

// want waits until n bits are at hand, n at most 16.
func (f *inflater) want(n int) {
	for f.nbits < n {
		for len(f.in) == 0 && f.err == nil {
			f.wait()
		}
		if f.err != nil {
			return
		}
		f.bits |= uint32(f.in[0]) << f.nbits
		f.in = f.in[1:]
		f.nbits += 8
	}
}

// take consumes n bits, at most 16. After an error they are zeros.
func (f *inflater) take(n int) int {
	if f.want(n); f.err != nil {
		return 0
	}
	v := int(f.bits & (1<<n - 1))
	f.bits >>= n
	f.nbits -= n
	return v
}

// put adds an inflated octet.
func (f *inflater) put(c byte) {
	f.window = append(f.window, c)
	if len(f.window)-f.given >= outputSize {
		f.give()
	}
}

// rest gives back everything but the window, if it may.
func (f *inflater) rest() {
	if f.next == nil || f.err != nil || len(f.in)+len(f.out) > 0 || !f.calm || f.given < len(f.window) {
		return
	}
	f.close()
	f.window = bytes.Clone(f.window[max(0, len(f.window)-windowSize):])
	f.given = len(f.window)
	f.literals, f.offsets = nil, nil
	f.err = nil
}

// close ends the coroutine.
func (f *inflater) close() {
	if f.next != nil {
		f.stop()
		f.next, f.stop, f.yield = nil, nil, nil
	}
}
