package imapd

import (
	"bytes"
	"errors"
	"sync"

	"github.com/klauspost/compress/flate"
)

// dictionary is how much of what was sent helps to compress what follows.
const dictionary = 8 << 10

var compressed = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// deflate is the compression layer of a connection (RFC 4978), between the
// session and conn. While the session waits for a command it holds what the
// client sent last, at most 32 KiB, which the client's DEFLATE may refer to,
// and nothing else.
type deflate struct {
	conn  *conn
	inf   inflater
	sent  []byte // the last that was sent
	small [256]byte
	large []byte
}

// Read gives what the client compressed. An error of the connection, a
// time-out included, leaves the layer usable.
func (z *deflate) Read(p []byte) (int, error) {
	for !z.inf.inflate() {
		if err := z.receive(); err != nil {
			return 0, err
		}
	}
	n := copy(p, z.inf.out)
	z.inf.out = z.inf.out[n:]
	if n == 0 {
		return 0, errors.Join(errClient, z.inf.err)
	}
	return n, nil
}

// receive reads octets to inflate.
func (z *deflate) receive() error {
	buf := z.large
	if z.conn.inWait {
		z.inf.rest()
		z.sent, z.large = nil, nil
		buf = z.small[:]
	} else if buf == nil {
		z.large = make([]byte, 4<<10)
		buf = z.large
	}
	n, err := z.conn.Read(buf)
	z.inf.in = buf[:n]
	if n > 0 {
		return nil
	}
	return err
}

// Write sends p compressed, and flushed: the client can read all of it.
func (z *deflate) Write(p []byte) (int, error) {
	b := compressed.Get().(*bytes.Buffer)
	defer compressed.Put(b)
	b.Reset()
	if err := flate.StatelessDeflate(b, p, false, z.sent); err != nil {
		return 0, err
	}
	z.sent = append(z.sent, p[max(0, len(p)-dictionary):]...)
	if over := len(z.sent) - dictionary; over > 0 {
		z.sent = append(z.sent[:0], z.sent[over:]...)
	}
	if _, err := z.conn.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (z *deflate) close() { z.inf.close() }

// endOctets is the most that may come of a DEFLATE stream behind its last
// block with content.
const endOctets = 16

// afterDeflate reads on when a client has ended its compression (RFC 8437
// §4.1). How it ends is open there: what remains of the stream, or its empty
// last block, cannot begin a tag and is passed over.
type afterDeflate struct {
	conn *conn
	in   []byte // arrived already
	skip int
}

func (r *afterDeflate) Read(p []byte) (int, error) {
	for {
		n := copy(p, r.in)
		r.in = r.in[n:]
		if n == 0 {
			var err error
			if n, err = r.conn.Read(p); err != nil {
				return n, err
			}
		}
		from := 0
		for ; from < n && r.skip > 0 && (p[from] <= ' ' || p[from] >= 0x7f); from++ {
			r.skip--
		}
		if n = copy(p, p[from:n]); n > 0 {
			r.skip = 0
			return n, nil
		}
	}
}
