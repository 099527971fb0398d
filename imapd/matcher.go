package imapd

import (
	"bytes"
	"context"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"postroom/internal/mail"
	"postroom/internal/message"
)

// matcher finds a string in text without regard to case: both sides in NFC
// and lower case.
type matcher struct{ needle []byte }

func newMatcher(s string) *matcher { return &matcher{fold([]byte(s))} }

func fold(b []byte) []byte { return bytes.ToLower(norm.NFC.Bytes(b)) }

// field looks into a field's decoded value.
func (m *matcher) field(value []byte) bool {
	return bytes.Contains(fold([]byte(message.DecodeText(string(value)))), m.needle)
}

// header looks into all fields, names included (TEXT).
func (m *matcher) header(header []byte) bool {
	for f := range message.Fields(header) {
		text := string(f.Name) + ":" + message.DecodeText(string(f.Value))
		if bytes.Contains(fold([]byte(text)), m.needle) || bytes.Contains(fold(f.Raw), m.needle) {
			return true
		}
	}
	return false
}

// matchWindow is how much text is looked at once.
const matchWindow = 16 << 10

// stream looks into text as it comes: a window and the overlap are held.
func (m *matcher) stream(r io.Reader) (bool, error) {
	if len(m.needle) == 0 {
		return true, nil
	}
	in := make([]byte, matchWindow)
	var kept int    // octets at the begin of in: an unfinished character
	var tail []byte // folded: what a match may have begun in
	for {
		n, err := r.Read(in[kept:])
		n += kept
		last := err != nil
		cut := n
		if !last {
			cut = wholeRunes(in[:n])
		}
		text := append(tail, fold(in[:cut])...)
		if bytes.Contains(text, m.needle) {
			return true, nil
		}
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		kept = copy(in, in[cut:n])
		tail = append([]byte(nil), text[max(0, len(text)-len(m.needle)+1):]...)
	}
}

// wholeRunes gives how many octets end on a character's end.
func wholeRunes(b []byte) int {
	for i := len(b) - 1; i >= 0 && i >= len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if utf8.FullRune(b[i:]) {
				return len(b)
			}
			return i
		}
	}
	return len(b)
}

// partContains looks into the text parts of an entity, and into the headers of
// messages inside it.
func (b *body) partContains(ctx context.Context, p *message.Part, m *matcher) (bool, error) {
	for _, c := range p.Children {
		if ok, err := b.partContains(ctx, c, m); ok || err != nil {
			return ok, err
		}
	}
	if inner := p.Message; inner != nil {
		header, err := b.read(ctx, span{off: inner.HeaderOff, n: inner.BodyOff - inner.HeaderOff}, message.MaxHeader)
		if err != nil || m.header(header) {
			return err == nil, err
		}
		return b.partContains(ctx, inner, m)
	}
	if p.IsMultipart() || !strings.EqualFold(p.Type, "text") {
		return false, nil
	}
	r := b.reader(ctx, span{off: p.BodyOff, n: p.EndOff - p.BodyOff})
	defer r.Close()
	decoded, err := message.DecodeBody(r, p.Encoding, p.Charset)
	if mail.Is(err, mail.CodeUnknownTransferEnc) {
		decoded, err = r, nil
	}
	if err != nil {
		return false, err
	}
	return m.stream(decoded)
}
