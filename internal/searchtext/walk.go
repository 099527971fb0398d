package searchtext

import (
	"context"
	"io"
	"strings"

	"postroom/internal/mail"
	"postroom/internal/message"
)

// Octets gives those of one message.
type Octets interface {
	// Header gives the header, at most message.MaxHeader octets of it.
	Header(ctx context.Context) ([]byte, error)
	// Part reads n octets of the blob from off on.
	Part(ctx context.Context, off, n int64) io.ReadCloser
}

// sink looks at text. Each true ends the walk.
type sink interface {
	// header sees the fields of a header, of the message or of one inside.
	header(header []byte) bool
	// wantsMIME tells whether header shall also see those of parts.
	wantsMIME() bool
	// text sees a text part.
	text(r io.Reader) (bool, error)
}

// body shows the text parts of an entity, and the headers of messages inside.
func body(ctx context.Context, o Octets, p *message.Part, s sink) (bool, error) {
	for _, c := range p.Children {
		if s.wantsMIME() {
			if stop, err := header(ctx, o, c, s); stop || err != nil {
				return stop, err
			}
		}
		if stop, err := body(ctx, o, c, s); stop || err != nil {
			return stop, err
		}
	}
	if p.Message != nil {
		if stop, err := header(ctx, o, p.Message, s); stop || err != nil {
			return stop, err
		}
		return body(ctx, o, p.Message, s)
	}
	switch {
	case p.IsMultipart():
		return false, nil
	case IsDocument(p):
		return document(ctx, o, p, s)
	case !strings.EqualFold(p.Type, "text"):
		return false, nil
	}
	return leaf(ctx, o, p, s)
}

// document shows what was read of a document.
func document(ctx context.Context, o Octets, p *message.Part, s sink) (bool, error) {
	t, ok := o.(Texts)
	if !ok {
		return false, nil
	}
	text, err := t.Document(ctx, p)
	if err != nil || text == "" {
		return false, err
	}
	return s.text(strings.NewReader(text))
}

// leaf shows one text part: decoded, in UTF-8, and HTML without its tags.
func leaf(ctx context.Context, o Octets, p *message.Part, s sink) (bool, error) {
	r := o.Part(ctx, p.BodyOff, p.EndOff-p.BodyOff)
	defer r.Close()
	decoded, err := message.DecodeBody(r, p.Encoding, p.Charset)
	if mail.Is(err, mail.CodeUnknownTransferEnc) {
		decoded, err = r, nil
	}
	if err != nil {
		return false, err
	}
	if strings.EqualFold(p.Subtype, "html") {
		decoded = message.HTMLText(decoded)
	}
	return s.text(decoded)
}

// header shows the header of a part, or of a message inside.
func header(ctx context.Context, o Octets, p *message.Part, s sink) (bool, error) {
	n := min(p.BodyOff-p.HeaderOff, message.MaxHeader)
	if n == 0 {
		return false, nil
	}
	r := o.Part(ctx, p.HeaderOff, n)
	defer r.Close()
	octets, err := io.ReadAll(r)
	return err == nil && s.header(octets), err
}
