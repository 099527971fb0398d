package message

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// DecodeText reads unstructured text of a header field: lines unfolded,
// encoded-words of RFC 2047 decoded, also where they stand inside a phrase.
// The result is valid UTF-8.
func DecodeText(raw string) string { return decodeText([]byte(raw)) }

func decodeText(raw []byte) string {
	b := unfold(raw)
	if !bytes.Contains(b, []byte("=?")) {
		return toUTF8(b, "")
	}
	var out strings.Builder
	var run wordRun
	for len(b) > 0 {
		i := bytes.Index(b, []byte("=?"))
		if i < 0 {
			break
		}
		n := encodedWordLen(b[i:])
		if n == 0 {
			run.flush(&out)
			out.WriteString(toUTF8(b[:i+2], ""))
			b = b[i+2:]
			continue
		}
		// Space between two encoded-words is not shown (RFC 2047 §6.2).
		if between := b[:i]; !run.open || len(bytes.TrimSpace(between)) > 0 {
			run.flush(&out)
			out.WriteString(toUTF8(between, ""))
		}
		run.add(&out, b[i:i+n])
		b = b[i+n:]
	}
	run.flush(&out)
	out.WriteString(toUTF8(b, ""))
	return out.String()
}

// wordRun joins the octets of adjacent encoded-words of one charset before
// they are decoded, since senders split characters between words.
type wordRun struct {
	open    bool
	charset string
	octets  []byte
}

func (r *wordRun) add(out *strings.Builder, word []byte) {
	parts := bytes.SplitN(word[2:len(word)-2], []byte("?"), 3)
	charset, _, _ := strings.Cut(string(parts[0]), "*") // RFC 2231 §5: language
	charset = strings.ToLower(charset)
	if r.open && charset != r.charset {
		r.flush(out)
	}
	r.open, r.charset = true, charset
	if lower(parts[1][0]) == 'b' {
		r.octets = appendBase64(r.octets, parts[2])
	} else {
		r.octets = appendQ(r.octets, parts[2])
	}
}

func (r *wordRun) flush(out *strings.Builder) {
	if r.open {
		out.WriteString(toUTF8(r.octets, r.charset))
	}
	*r = wordRun{octets: r.octets[:0]}
}

func appendBase64(dst, b []byte) []byte {
	b = bytes.TrimRight(b, "=")
	at := len(dst)
	dst = append(dst, make([]byte, base64.RawStdEncoding.DecodedLen(len(b)))...)
	n, _ := base64.RawStdEncoding.Decode(dst[at:], b)
	return dst[:at+n]
}

// appendQ decodes the Q encoding (RFC 2047 §4.2).
func appendQ(dst, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '_':
			dst = append(dst, ' ')
		case c == '=' && i+2 < len(b) && isHex(b[i+1]) && isHex(b[i+2]):
			dst = append(dst, unhex(b[i+1])<<4|unhex(b[i+2]))
			i += 2
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}
