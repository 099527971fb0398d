package imapd

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"postroom/internal/casemap"
	"postroom/internal/mail"
	"postroom/internal/message"
)

// matcher finds a string in text by the collation i;unicode-casemap
// (RFC 5255 §4.2): both sides are folded by it.
type matcher struct{ needle []byte }

func newMatcher(s string) *matcher { return &matcher{fold([]byte(s))} }

func fold(b []byte) []byte { return casemap.Append(nil, b) }

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

// matchRooms hold a window and its folded text while a stream is read.
var matchRooms = sync.Pool{New: func() any { return new(matchRoom) }}

type matchRoom struct {
	in   [matchWindow]byte
	text []byte
}

// stream looks into text as it comes: a window and the overlap are held.
func (m *matcher) stream(r io.Reader) (bool, error) {
	if len(m.needle) == 0 {
		return true, nil
	}
	room := matchRooms.Get().(*matchRoom)
	defer matchRooms.Put(room)
	in := room.in[:]
	var kept int    // octets at the begin of in: an unfinished character
	var overlap int // folded octets at the begin of text: a match may have begun in them
	for {
		n, err := r.Read(in[kept:])
		n += kept
		last := err != nil
		cut := n
		if !last {
			cut = wholeRunes(in[:n])
		}
		text := casemap.Append(room.text[:overlap], in[:cut])
		room.text = text
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
		overlap = copy(text, text[max(0, len(text)-len(m.needle)+1):])
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
