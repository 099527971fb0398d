package imapd

import (
	"bytes"
	"context"
	"io"

	"postroom/internal/mail"
	"postroom/internal/message"
)

// body reads the octets of one message: the recipient's prefix and the blob.
// Nothing is read before it is asked for, and no more than a header at once.
type body struct {
	s      *session
	row    *mail.MessageRow
	header []byte // prefix and header, once read
	// scratch holds the fields that were picked; what is in use of it stays
	// when it grows.
	scratch []byte
	parts   *message.Part
}

// span is a run of octets: some in memory, then some of the blob.
type span struct {
	mem []byte
	off int64
	n   int64
}

func (sp span) size() int64 { return int64(len(sp.mem)) + sp.n }

// slice gives at most count octets from offset on.
func (sp span) slice(offset, count int64) span {
	if mem := int64(len(sp.mem)); offset < mem {
		sp.mem, offset = sp.mem[offset:], 0
	} else {
		sp.mem, offset = nil, offset-mem
	}
	offset = min(offset, sp.n)
	sp.off, sp.n = sp.off+offset, sp.n-offset
	if mem := int64(len(sp.mem)); count <= mem {
		sp.mem, sp.n = sp.mem[:count], 0
	} else {
		sp.n = min(sp.n, count-mem)
	}
	return sp
}

func (b *body) copy(ctx context.Context, w io.Writer, sp span) error {
	if len(sp.mem) > 0 {
		if _, err := w.Write(sp.mem); err != nil {
			return err
		}
	}
	if sp.n == 0 {
		return nil
	}
	if b.held(sp) {
		_, err := w.Write(b.row.Octets[sp.off : sp.off+sp.n])
		return err
	}
	return b.s.srv.Blobs.WriteTo(ctx, w, b.row.BlobID, sp.off, sp.n)
}

// held tells whether the octets came with the row.
func (b *body) held(sp span) bool {
	return b.row.Octets != nil && sp.off+sp.n <= int64(len(b.row.Octets))
}

func (b *body) blobSize() int64 { return b.row.Size - int64(len(b.row.Prefix)) }

// fullHeader gives the message's header with its empty line, at most
// message.MaxHeader octets of it: enough for looking into it.
func (b *body) fullHeader(ctx context.Context) ([]byte, error) {
	if b.header == nil {
		h, err := b.read(ctx, span{b.row.Prefix, 0, b.row.HeaderSize}, message.MaxHeader)
		if err != nil {
			return nil, err
		}
		b.header = h
	}
	return b.header, nil
}

// Header implements searchtext.Octets.
func (b *body) Header(ctx context.Context) ([]byte, error) { return b.fullHeader(ctx) }

// Part implements searchtext.Octets.
func (b *body) Part(ctx context.Context, off, n int64) io.ReadCloser {
	return b.reader(ctx, span{off: off, n: n})
}

// Document implements searchtext.Texts.
func (b *body) Document(ctx context.Context, p *message.Part) (string, error) {
	return b.s.srv.Store.DocumentText(ctx, b.s.sel.mailbox.Account, b.row.MessageID, b.row.BlobID, p.BodyOff)
}

// read gives a span in memory, at most limit octets of it.
func (b *body) read(ctx context.Context, sp span, limit int64) ([]byte, error) {
	if sp = sp.slice(0, limit); b.held(sp) && len(sp.mem) == 0 {
		return b.row.Octets[sp.off : sp.off+sp.n], nil
	}
	var buf bytes.Buffer
	if err := b.copy(ctx, &buf, sp); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func (b *body) tree() (*message.Part, error) {
	if b.parts == nil {
		p, err := message.DecodeParts(b.row.Parts)
		if err != nil {
			return nil, mail.Wrap(mail.CodeInternal, err, "the message's structure can't be read")
		}
		b.parts = p
	}
	return b.parts, nil
}

// find gives the octets of a section; ok is false when there is no such part.
func (b *body) find(ctx context.Context, sec *section) (sp span, ok bool, err error) {
	if len(sec.path) == 0 {
		return b.top(ctx, sec)
	}
	root, err := b.tree()
	if err != nil {
		return span{}, false, err
	}
	off, n, ok := root.Section(sec.path, sectionTexts[sec.text])
	if !ok || len(sec.fields) == 0 {
		return span{off: off, n: n}, ok, nil
	}
	header, err := b.read(ctx, span{off: off, n: n}, message.MaxHeader)
	if err != nil {
		return span{}, false, err
	}
	return span{mem: sec.filter(nil, header)}, true, nil
}

// sectionTexts are the section-texts as internal/message names them.
var sectionTexts = map[string]message.Text{
	"": message.TextAll, "MIME": message.TextMIME, "TEXT": message.TextBody,
	"HEADER": message.TextHeader, "HEADER.FIELDS": message.TextHeader, "HEADER.FIELDS.NOT": message.TextHeader,
}

// top gives a section of the message itself.
func (b *body) top(ctx context.Context, sec *section) (span, bool, error) {
	switch sec.text {
	case "":
		return span{b.row.Prefix, 0, b.blobSize()}, true, nil
	case "HEADER":
		return span{b.row.Prefix, 0, b.row.HeaderSize}, true, nil
	case "TEXT":
		return span{off: b.row.HeaderSize, n: b.blobSize() - b.row.HeaderSize}, true, nil
	}
	header, err := b.fieldsFor(ctx, sec)
	if err != nil {
		return span{}, false, err
	}
	from := len(b.scratch)
	b.scratch = sec.filter(b.scratch, header)
	return span{mem: b.scratch[from:]}, true, nil
}

// fieldsFor gives lines that hold all fields a section asks for: those kept
// beside the message when they are enough.
func (b *body) fieldsFor(ctx context.Context, sec *section) ([]byte, error) {
	if sec.listed() && len(b.row.Fields) > 0 {
		return b.row.Fields, nil
	}
	return b.fullHeader(ctx)
}

func (sec *section) filter(dst, header []byte) []byte {
	return message.AppendFields(dst, header, sec.fields, sec.text == "HEADER.FIELDS.NOT")
}

// listed tells whether the fields kept beside a message hold all it asks for.
func (sec *section) listed() bool {
	if sec.text != "HEADER.FIELDS" || len(sec.path) > 0 {
		return false
	}
	for _, name := range sec.fields {
		if !message.IsListed(name) {
			return false
		}
	}
	return true
}

// columns is what find and copy read of the row.
func (sec *section) columns() mail.Columns {
	if sec.listed() {
		return mail.ColFields | mail.ColUnlisted
	}
	cols := mail.ColBlob | mail.ColOctets
	if len(sec.path) > 0 {
		cols |= mail.ColParts
	}
	return cols
}
