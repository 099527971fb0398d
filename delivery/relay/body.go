package relay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"

	"postroom/internal/mail"
)

// copyBuffer is what one connection holds of a body.
const copyBuffer = 32 << 10

// body sends the octets and reads the final reply.
func (t *transaction) body(ctx context.Context, accepted []int, chunked bool) {
	s := t.s
	t.open = accepted
	if err := t.transmit(ctx, chunked); err != nil {
		if errors.Is(err, errLocal) {
			t.lose("4.3.0", "the message could not be sent now")
			return
		}
		// The server stopped reading: perhaps it said why.
		if r, werr := s.peer.lastWord(err); werr == nil {
			t.finish(accepted, fromReply(r, s.remote))
		}
		t.lose("4.4.2", lost("body", err))
		return
	}
	r, err := s.peer.read(s.c.cfg.Timeouts.Final)
	if err != nil {
		t.unclear(accepted, err)
		return
	}
	s.sent++
	s.dirty = !r.positive() && chunked
	out := fromReply(r, s.remote)
	if r.Code == 354 { // an intermediate reply ends nothing
		out.Outcome = mail.OutcomeDeferred
		s.abandon()
	}
	out.DSN = out.Outcome == mail.OutcomeDelivered && s.offers("DSN")
	t.finish(accepted, out)
	if r.Code == 421 {
		t.end(out)
	}
}

// unclear defers: the server may have taken the message, and nobody can tell.
// RFC 5321 §4.5.3.2.6 prefers a duplicate to a loss; docs/queue.md names this
// window.
func (t *transaction) unclear(accepted []int, err error) {
	text := lost("reply to the end of the message", err) + "; the message may have arrived"
	r := Result{Outcome: mail.OutcomeDeferred, Unclear: true,
		Reply: mail.RemoteReply{Status: "4.4.2", Text: text, Remote: t.s.remote}}
	t.finish(accepted, r)
	t.end(r)
}

// errLocal marks failures on our side: the message is unreadable or the lease
// too short.
var errLocal = errors.New("not sent")

func (t *transaction) transmit(ctx context.Context, chunked bool) error {
	r, err := t.m.Open(ctx)
	if err != nil {
		return errors.Join(errLocal, err)
	}
	defer r.Close()
	if chunked {
		return t.bdat(ctx, r)
	}
	return t.data(ctx, r)
}

// bdat sends one chunk (RFC 3030 §2). The size is known, so one is enough, and
// memory stays constant. The last octets wait for BeforeFinal.
func (t *transaction) bdat(ctx context.Context, r io.Reader) error {
	w := t.s.peer.bw
	tail := min(t.m.Size, 512)
	_, _ = w.WriteString("BDAT " + strconv.FormatInt(t.m.Size, 10) + " LAST\r\n")
	if err := copyN(w, r, t.m.Size-tail); err != nil {
		return err
	}
	end := make([]byte, tail)
	if _, err := io.ReadFull(r, end); err != nil {
		return errors.Join(errLocal, err)
	}
	if n, err := io.ReadFull(r, make([]byte, 1)); n != 0 || err != io.EOF {
		return errors.Join(errLocal, errors.New("the message is longer than its size"), err)
	}
	if t.m.Size > tail {
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if err := t.beforeFinal(ctx); err != nil {
		return err
	}
	_, err := w.Write(end)
	if err != nil {
		return err
	}
	return w.Flush()
}

func (t *transaction) beforeFinal(ctx context.Context) error {
	if t.m.BeforeFinal == nil {
		return nil
	}
	if err := t.m.BeforeFinal(ctx); err != nil {
		return errors.Join(errLocal, err)
	}
	return nil
}

// copyN copies n octets; a reader's error is ours, a writer's is the peer's.
func copyN(w io.Writer, r io.Reader, n int64) error {
	buf := make([]byte, min(n, copyBuffer))
	for n > 0 {
		k, err := io.ReadFull(r, buf[:min(n, int64(len(buf)))])
		if err != nil {
			return errors.Join(errLocal, err)
		}
		if _, err := w.Write(buf[:k]); err != nil {
			return err
		}
		n -= int64(k)
	}
	return nil
}

// data sends the body with dots stuffed (RFC 5321 §4.5.2) and its end.
func (t *transaction) data(ctx context.Context, r io.Reader) error {
	w := t.s.peer.bw
	stuffed := &dotWriter{w: w, lineStart: true}
	buf := make([]byte, copyBuffer)
	for {
		n, rerr := r.Read(buf)
		if _, err := stuffed.Write(buf[:n]); err != nil {
			return err
		}
		if rerr == io.EOF {
			break
		}
		if rerr != nil {
			return errors.Join(errLocal, rerr)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := t.beforeFinal(ctx); err != nil {
		return err
	}
	if _, err := w.WriteString(stuffed.terminator()); err != nil {
		return err
	}
	return w.Flush()
}

// dotWriter doubles the dot that begins a line. Lines end with CRLF: bare CR
// and LF never enter the store.
type dotWriter struct {
	w         io.Writer
	lineStart bool
	cr        bool // the last octet was CR
}

func (d *dotWriter) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		if d.lineStart && p[0] == '.' {
			if _, err := io.WriteString(d.w, "."); err != nil {
				return 0, err
			}
		}
		end := len(p)
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			end = i + 1
		}
		line := p[:end]
		if _, err := d.w.Write(line); err != nil {
			return 0, err
		}
		last := line[len(line)-1]
		d.lineStart = last == '\n' && (len(line) > 1 && line[len(line)-2] == '\r' || len(line) == 1 && d.cr)
		d.cr = last == '\r'
		p = p[end:]
	}
	return total, nil
}

// terminator ends the message; one without a last line end gets it, since
// DATA cannot carry its absence.
func (d *dotWriter) terminator() string {
	if d.lineStart {
		return ".\r\n"
	}
	return "\r\n.\r\n"
}
