package report

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"postroom/internal/message"
)

// Field gives the first field of that name, on one line and without space
// around it; nil when there is none.
func Field(header []byte, name string) []byte {
	for _, v := range Fields(header, name, 1) {
		return v
	}
	return nil
}

// Fields gives at most limit fields of that name, each on one line.
func Fields(header []byte, name string, limit int) [][]byte {
	var out [][]byte
	for f := range message.Fields(header) {
		if len(out) == limit {
			break
		}
		if strings.EqualFold(string(f.Name), name) {
			out = append(out, bytes.Join(bytes.Fields(f.Value), []byte(" ")))
		}
	}
	return out
}

// Clean makes text of a report fit to be kept and shown: valid UTF-8 on one
// line, no controls and no characters that turn the direction of writing, at
// most limit octets.
func Clean(b []byte, limit int) string {
	b = b[:min(len(b), 4*limit)]
	var out strings.Builder
	space := false
	for _, r := range strings.ToValidUTF8(string(b), "\uFFFD") {
		switch {
		case unicode.IsSpace(r):
			space = out.Len() > 0
			continue
		case unicode.Is(unicode.C, r):
			continue
		}
		n := utf8.RuneLen(r)
		if space {
			n++
		}
		if out.Len()+n > limit {
			break
		}
		if space {
			out.WriteByte(' ')
			space = false
		}
		out.WriteRune(r)
	}
	return out.String()
}
