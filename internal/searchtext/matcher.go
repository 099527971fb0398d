package searchtext

import (
	"bytes"
	"context"
	"errors"
	"io"

	"postroom/internal/message"
)

// Matcher finds a string in text by the collation of Fold: both sides are
// folded.
type Matcher struct{ needle []byte }

// NewMatcher makes a Matcher for a string in UTF-8. The empty string is found
// everywhere.
func NewMatcher(s string) *Matcher { return &Matcher{Fold([]byte(s))} }

// Field looks into a field's decoded value.
func (m *Matcher) Field(value []byte) bool {
	return m.in(fieldValue(value))
}

func fieldValue(value []byte) []byte { return Fold([]byte(message.DecodeText(string(value)))) }

// Text looks into the header of a message, into those of its parts (RFC 9051
// §6.4.4, TEXT) and into what Body looks into. Of a header it sees all fields,
// names included, decoded and as they stand.
func (m *Matcher) Text(ctx context.Context, o Octets, root *message.Part) (bool, error) {
	h, err := o.Header(ctx)
	if err != nil || m.header(h) {
		return err == nil, err
	}
	return body(ctx, o, root, withMIME{m})
}

// withMIME is a Matcher that sees the headers of parts.
type withMIME struct{ *Matcher }

func (withMIME) wantsMIME() bool { return true }

func (m *Matcher) wantsMIME() bool { return false }

// Body looks into the decoded text of a message's text parts, and into the
// headers of messages inside. Nothing but a window is held.
func (m *Matcher) Body(ctx context.Context, o Octets, root *message.Part) (bool, error) {
	return body(ctx, o, root, m)
}

func (m *Matcher) in(folded []byte) bool { return bytes.Contains(folded, m.needle) }

func (m *Matcher) header(header []byte) bool {
	for f := range message.Fields(header) {
		if m.in(fieldText(f)) || m.in(Fold(f.Raw)) {
			return true
		}
	}
	return false
}

func (m *Matcher) text(r io.Reader) (bool, error) {
	if len(m.needle) == 0 {
		return true, nil
	}
	found, err := stream(r, len(m.needle)-1, m.in)
	if errors.Is(err, message.ErrHTMLTooLong) {
		err = nil
	}
	return found, err
}

// fieldText is a field as a reader sees it.
func fieldText(f message.Field) []byte {
	return Fold([]byte(string(f.Name) + ":" + message.DecodeText(string(f.Value))))
}
