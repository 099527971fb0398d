package imapd

import (
	"bytes"
	"context"
	"io"

	"postroom/internal/message"
)

// decode writes a part without its transfer encoding. Multiparts, messages and
// the whole message have none.
func (b *body) decode(ctx context.Context, sec *section, w io.Writer) error {
	sp, ok, err := b.find(ctx, sec)
	if err != nil || !ok {
		return err
	}
	if len(sec.path) == 0 {
		return b.copy(ctx, w, sp)
	}
	root, err := b.tree()
	if err != nil {
		return err
	}
	part := root.Find(sec.path)
	r := b.reader(ctx, sp)
	defer r.Close()
	decoded, err := message.DecodeBody(r, part.Encoding, "")
	if err != nil {
		return err
	}
	if part.Type == "text" {
		w = &lineEnds{w: w}
	}
	_, err = io.Copy(w, decoded)
	return err
}

// lineEnds makes bare LF, as senders encode it in Base64 too, CRLF: text goes
// out in lines of IMAP (RFC 9051 §7.5.2, BINARY).
type lineEnds struct {
	w  io.Writer
	cr bool // the last octet was CR
}

func (l *lineEnds) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		part := p
		if i >= 0 {
			part = p[:i]
		}
		if len(part) > 0 {
			if _, err := l.w.Write(part); err != nil {
				return 0, err
			}
			l.cr = part[len(part)-1] == '\r'
		}
		if i < 0 {
			break
		}
		end := "\r\n"
		if l.cr {
			end = "\n"
		}
		if _, err := io.WriteString(l.w, end); err != nil {
			return 0, err
		}
		l.cr = false
		p = p[i+1:]
	}
	return n, nil
}

// reader turns the blob's writes into reads, so that decoders can be stacked
// on it; Close ends the writing side.
func (b *body) reader(ctx context.Context, sp span) io.ReadCloser {
	if b.held(sp) && len(sp.mem) == 0 {
		return io.NopCloser(bytes.NewReader(b.row.Octets[sp.off : sp.off+sp.n]))
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(b.copy(ctx, w, sp)) }()
	return r
}

// counter counts octets and looks for NUL.
type counter struct {
	n   int64
	nul bool
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	c.nul = c.nul || bytes.IndexByte(p, 0) >= 0
	return len(p), nil
}

// window passes on left octets after skip ones.
type window struct {
	w          io.Writer
	skip, left int64
}

func (v *window) Write(p []byte) (int, error) {
	n := len(p)
	k := min(int64(n), v.skip)
	v.skip -= k
	p = p[k:]
	p = p[:min(int64(len(p)), v.left)]
	v.left -= int64(len(p))
	if len(p) > 0 {
		if _, err := v.w.Write(p); err != nil {
			return 0, err
		}
	}
	return n, nil
}
