package wire

import "bytes"

// literalHeader finds a literal header at the end of a line:
//
//	literal  = "{" number64 ["+"] "}" CRLF *CHAR8     ; RFC 9051 §9
//	literal8 = "~{" number64 ["+"] "}" CRLF *OCTET
//
// An atom can't hold "{" and a quoted string ends in a quote, so a line that
// ends this way is a literal's or is wrong. A number beyond 2^63-1 is an
// error: nobody can tell where such a command would end.
func literalHeader(tail []byte) (lit Literal, ok bool, err error) {
	b := trimEOL(tail)
	if len(b) == 0 || b[len(b)-1] != '}' {
		return lit, false, nil
	}
	open := bytes.LastIndexByte(b, '{')
	if open < 0 {
		// More digits than fit the tail.
		if onlyLiteralOctets(b[:len(b)-1]) {
			return lit, false, ErrFrame
		}
		return lit, false, nil
	}
	digits := b[open+1 : len(b)-1]
	if n := len(digits); n > 0 && digits[n-1] == '+' {
		lit.NonSync, digits = true, digits[:n-1]
	}
	if len(digits) == 0 {
		return lit, false, nil
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return Literal{}, false, nil
		}
		if lit.Size > (1<<63-1-int64(c-'0'))/10 {
			return lit, false, ErrFrame
		}
		lit.Size = lit.Size*10 + int64(c-'0')
	}
	lit.Binary = open > 0 && b[open-1] == '~'
	return lit, true, nil
}

func onlyLiteralOctets(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && c != '+' {
			return false
		}
	}
	return len(b) >= tailSize-4
}
