package canon

import "bytes"

// AppendField appends a header field in canonical form, with the CRLF at its
// end (RFC 6376 §3.4.1, §3.4.2). raw is the field as it stands, line ends
// included. A bare CR or LF is no line end and stays.
func AppendField(dst, raw []byte, k Kind) []byte {
	raw = bytes.TrimSuffix(raw, crlf)
	if k == Simple {
		dst = append(dst, raw...)
		return append(dst, '\r', '\n')
	}
	name, value, _ := bytes.Cut(raw, []byte{':'})
	for _, c := range bytes.TrimRight(name, " \t") {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	dst = append(dst, ':')
	dst = appendRelaxed(dst, value)
	return append(dst, '\r', '\n')
}

// appendRelaxed unfolds a value, makes each run of white space one space and
// drops it at both ends.
func appendRelaxed(dst, value []byte) []byte {
	begin := len(dst)
	space := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\r' && i+1 < len(value) && value[i+1] == '\n':
			i++
		case c == ' ' || c == '\t':
			space = true
		default:
			if space && len(dst) > begin {
				dst = append(dst, ' ')
			}
			space = false
			dst = append(dst, c)
		}
	}
	return dst
}
