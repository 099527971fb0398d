package relay

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// peer is one connection with a deadline per read and write. A cancelled
// context ends whatever it waits for.
type peer struct {
	conn  net.Conn // TLS once it is on
	raw   net.Conn
	br    *bufio.Reader
	bw    *bufio.Writer
	block time.Duration // of one write

	mu        sync.Mutex
	cancelled bool
}

func newPeer(conn net.Conn, block time.Duration) *peer {
	p := &peer{raw: conn, block: block}
	p.use(conn)
	return p
}

func (p *peer) use(conn net.Conn) {
	p.conn = conn
	p.br = bufio.NewReaderSize(conn, maxReplyLine)
	p.bw = bufio.NewWriterSize(deadlineWriter{p}, 16<<10)
}

// follow makes ctx's end the connection's; the caller calls stop afterwards.
func (p *peer) follow(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.cancelled = true
		_ = p.raw.SetDeadline(time.Unix(1, 0))
	})
}

func (p *peer) deadline(set func(time.Time) error, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.cancelled {
		_ = set(time.Now().Add(d))
	}
}

type deadlineWriter struct{ p *peer }

func (w deadlineWriter) Write(b []byte) (int, error) {
	w.p.deadline(w.p.raw.SetWriteDeadline, w.p.block)
	return w.p.conn.Write(b)
}

// write puts one command line into the buffer.
func (p *peer) write(line string) {
	_, _ = p.bw.WriteString(line) // bufio keeps the error for Flush
	_, _ = p.bw.WriteString("\r\n")
}

// read sends what is buffered and reads one reply.
func (p *peer) read(d time.Duration) (Reply, error) {
	if err := p.bw.Flush(); err != nil {
		return p.lastWord(err)
	}
	p.deadline(p.raw.SetReadDeadline, d)
	return readReply(p.br)
}

// command is write and read.
func (p *peer) command(d time.Duration, line string) (Reply, error) {
	p.write(line)
	return p.read(d)
}

// lastWordTime is how long a reply may take that a server sent before it
// closed the connection on us.
const lastWordTime = 2 * time.Second

// lastWord looks for a reply that explains why the server stopped reading.
func (p *peer) lastWord(cause error) (Reply, error) {
	p.deadline(p.raw.SetReadDeadline, lastWordTime)
	r, err := readReply(p.br)
	if err != nil || r.Code < 400 {
		return Reply{}, cause
	}
	return r, nil
}

// startTLS makes the handshake. What came before it in plain text is an
// injection (RFC 3207 §5) and refused.
func (p *peer) startTLS(ctx context.Context, cfg *tls.Config, d time.Duration) error {
	if p.br.Buffered() > 0 {
		return errProtocol
	}
	hctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	p.deadline(p.raw.SetDeadline, d)
	conn := tls.Client(p.raw, cfg)
	if err := conn.HandshakeContext(hctx); err != nil {
		return err
	}
	p.use(conn)
	return nil
}

func (p *peer) close() { _ = p.raw.Close() }
