package canon

import (
	"bytes"
	"io"
	"strings"

	"postroom/internal/message"
)

// Header finds the fields of a header by name, from the bottom up, as h= picks
// them. It points into the octets it was made of.
type Header struct {
	byName map[string][]message.Field // lower-case names; top to bottom
}

// NewHeader reads a header once; what follows its empty line is not looked at.
func NewHeader(header []byte) *Header {
	h := &Header{byName: map[string][]message.Field{}}
	for f := range message.Fields(header) {
		if len(f.Name) > 0 {
			name := strings.ToLower(string(f.Name))
			h.byName[name] = append(h.byName[name], f)
		}
	}
	return h
}

// Fields gives the fields of a name, given in lower case, from the top down.
func (h *Header) Fields(name string) []message.Field { return h.byName[name] }

// WriteSigned writes the fields that h= names, in its order, each name from
// the bottom up and nothing for a field that is not there (RFC 6376 §3.7,
// §5.4.2). names are in lower case. The field self, that of the signature, is
// never among them (§3.5, h=).
func (h *Header) WriteSigned(w io.Writer, names []string, self message.Field, k Kind) {
	next := make(map[string]int, len(names))
	var buf []byte
	for _, name := range names {
		fields := h.byName[name]
		i := next[name]
		if i < len(fields) && same(fields[len(fields)-1-i], self) {
			i++
		}
		if i < len(fields) {
			buf = AppendField(buf[:0], fields[len(fields)-1-i].Raw, k)
			_, _ = w.Write(buf) // a hash takes everything
		}
		next[name] = i + 1
	}
}

// same tells whether two fields are one place of one header.
func same(a, b message.Field) bool {
	return len(a.Raw) > 0 && len(b.Raw) > 0 && &a.Raw[0] == &b.Raw[0]
}

// AppendSelf appends the signature's own field as it is hashed last: value
// octets from:to (of b=, RFC 6376 §3.7) taken out, canonical, without the CRLF
// at its end.
func AppendSelf(dst []byte, self message.Field, from, to int, k Kind) []byte {
	cut := len(self.Raw) - len(self.Value)
	without := append([]byte(nil), self.Raw[:cut+from]...)
	without = append(without, self.Raw[cut+to:]...)
	return bytes.TrimSuffix(AppendField(dst, without, k), crlf)
}
