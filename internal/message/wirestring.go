package message

import "bytes"

// appendString writes an IMAP string (RFC 9051 §4.3): quoted when it can be,
// else a literal. NUL stands in neither and is left out.
func appendString(dst, s []byte) []byte {
	quoted := 0
	for _, c := range s {
		switch {
		case c >= 0x80 || c == '\r' || c == '\n' || c == 0:
			return appendLiteral(dst, s)
		case c == '"' || c == '\\':
			quoted++
		}
	}
	dst = append(dst, '"')
	if quoted == 0 {
		dst = append(dst, s...)
		return append(dst, '"')
	}
	for _, c := range s {
		if c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}

func appendLiteral(dst, s []byte) []byte {
	if bytes.IndexByte(s, 0) >= 0 {
		return appendString(dst, bytes.ReplaceAll(s, []byte{0}, nil))
	}
	dst = append(dst, '{')
	dst = appendInt(dst, int64(len(s)))
	dst = append(dst, "}\r\n"...)
	return append(dst, s...)
}

// appendUpper writes a token as a string in upper case.
func appendUpper(dst, s []byte) []byte {
	at := len(dst)
	dst = appendString(dst, s)
	for i := at; i < len(dst); i++ {
		dst[i] = upper(dst[i])
	}
	return dst
}

func appendNIL(dst []byte) []byte { return append(dst, "NIL"...) }

func appendInt(dst []byte, n int64) []byte {
	var b [20]byte
	i := len(b)
	for {
		i--
		b[i] = byte('0' + n%10)
		if n /= 10; n <= 0 {
			return append(dst, b[i:]...)
		}
	}
}
