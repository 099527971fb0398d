package imapd

import (
	"bytes"
	"errors"
	"io"
	"iter"

	"github.com/klauspost/compress/flate"
)

// inflater undoes DEFLATE (RFC 1951) as far as input is there. It is a
// coroutine: when input runs out in the middle of a block it stands still, and
// a time-out of the connection does not harm it. At the end of a block it can
// rest, and then holds the window only.
type inflater struct {
	in  []byte // arrived, not consumed
	out []byte // inflated, not taken
	err error  // it ended

	read int64   // octets consumed since the coroutine began
	last [2]byte // the last two of them

	// end is the end of the last block, endRead what was consumed there. The
	// last behind octets of that hold bits of the next block.
	end     flate.InflateCheckpoint
	endRead int64
	behind  int
	ahead   int64 // how much end.CompressedOffset is too high

	next  func() (struct{}, bool) // nil at rest
	stop  func()
	yield func(struct{}) bool
}

// errRest ends the coroutine.
var errRest = errors.New("at rest")

// inflate works until there is output, and gives false when it wants input.
func (f *inflater) inflate() bool {
	if len(f.out) > 0 || f.err != nil {
		return true
	}
	if f.next == nil {
		if len(f.in) == 0 {
			return false
		}
		f.begin()
	}
	f.next()
	return len(f.out) > 0 || f.err != nil
}

// begin starts the coroutine where it came to rest.
func (f *inflater) begin() {
	f.in = append(bytes.Clone(f.last[len(f.last)-f.behind:]), f.in...)
	f.read, f.ahead, f.behind, f.endRead = 0, 0, 0, -1
	f.next, f.stop = iter.Pull(f.run)
}

// run is the coroutine: it yields when it has output or wants input.
func (f *inflater) run(yield func(struct{}) bool) {
	f.yield = yield
	// Clients flush by Z_SYNC_FLUSH or Z_PARTIAL_FLUSH: only when each block's
	// output is given at its end does the second kind bring a command through.
	r := flate.NewReaderOpts(f, flate.WithPartialBlock(), flate.WithResumeFrom(f.end), flate.WithEobCallback(f.blockEnd))
	buf := make([]byte, 4<<10)
	for {
		n, err := r.Read(buf)
		if f.out = buf[:n]; n > 0 && !yield(struct{}{}) {
			return
		}
		if err != nil {
			f.err = err
			return
		}
	}
}

// blockEnd notes where a block ended. The library counts an octet twice when a
// stored block begins behind bits that it had read already; then offset and
// what was read drift apart, once and for all.
func (f *inflater) blockEnd(at flate.InflateCheckpoint) {
	f.end, f.endRead = at, f.read
	f.ahead = max(f.ahead, at.CompressedOffset-f.read)
	f.behind = int(f.read + f.ahead - at.CompressedOffset)
}

// ReadByte gives the coroutine its input.
func (f *inflater) ReadByte() (byte, error) {
	for len(f.in) == 0 {
		if !f.yield(struct{}{}) {
			return 0, errRest
		}
	}
	c := f.in[0]
	f.in = f.in[1:]
	f.read++
	f.last = [2]byte{f.last[1], c}
	return c, nil
}

// Read is ReadByte for stored blocks.
func (f *inflater) Read(p []byte) (n int, err error) {
	for n < len(p) && (n == 0 || len(f.in) > 0) && err == nil {
		if p[n], err = f.ReadByte(); err == nil {
			n++
		}
	}
	return n, err
}

// rest gives back everything but the window, if a block just ended.
func (f *inflater) rest() {
	if f.next == nil || f.err != nil || len(f.in)+len(f.out) > 0 || f.read != f.endRead || f.behind > len(f.last) {
		return
	}
	f.close()
	f.end.Window, f.end.CompressedOffset = bytes.Clone(f.end.Window), 0
	f.out, f.err = nil, nil
}

// close ends the coroutine.
func (f *inflater) close() {
	if f.next != nil {
		f.stop()
		f.next, f.stop, f.yield = nil, nil, nil
	}
}

var _ io.ByteReader = (*inflater)(nil)
