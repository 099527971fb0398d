package wire

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Modified UTF-7 of RFC 3501 §5.1.3: the mailbox names of clients that have
// enabled neither UTF8=ACCEPT nor IMAP4rev2.
var utf7Base64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").WithPadding(base64.NoPadding).Strict()

// EncodeUTF7 gives the modified UTF-7 form of a UTF-8 name.
func EncodeUTF7(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '&':
			b.WriteString("&-")
			i++
		case c >= 0x20 && c <= 0x7e:
			b.WriteByte(c)
			i++
		default:
			end := i
			for end < len(s) && (s[end] < 0x20 || s[end] > 0x7e) {
				end++
			}
			b.WriteByte('&')
			b.WriteString(encodeUTF16(s[i:end]))
			b.WriteByte('-')
			i = end
		}
	}
	return b.String()
}

func encodeUTF16(s string) string {
	units := utf16.Encode([]rune(s))
	octets := make([]byte, 0, 2*len(units))
	for _, u := range units {
		octets = append(octets, byte(u>>8), byte(u))
	}
	return utf7Base64.EncodeToString(octets)
}

// DecodeUTF7 reads modified UTF-7. ok is false when s is not: an open shift,
// bad Base64, lone surrogates, 8-bit octets, or printable ASCII in Base64.
func DecodeUTF7(s string) (name string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); {
		c := s[i]
		if c < 0x20 || c > 0x7e {
			return "", false
		}
		if c != '&' {
			b.WriteByte(c)
			i++
			continue
		}
		n := strings.IndexByte(s[i:], '-')
		if n < 0 {
			return "", false
		}
		if n == 1 {
			b.WriteByte('&')
		} else if text, ok := decodeUTF16(s[i+1 : i+n]); ok {
			b.WriteString(text)
		} else {
			return "", false
		}
		i += n + 1
	}
	return b.String(), true
}

func decodeUTF16(s string) (string, bool) {
	octets, err := utf7Base64.DecodeString(s)
	if err != nil || len(octets)%2 != 0 || len(octets) == 0 {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(octets); i += 2 {
		r := rune(octets[i])<<8 | rune(octets[i+1])
		if utf16.IsSurrogate(r) {
			if i+3 >= len(octets) {
				return "", false
			}
			i += 2
			if r = utf16.DecodeRune(r, rune(octets[i])<<8|rune(octets[i+1])); r == utf8.RuneError {
				return "", false
			}
		}
		if r >= 0x20 && r <= 0x7e {
			return "", false
		}
		b.WriteRune(r)
	}
	return b.String(), true
}
