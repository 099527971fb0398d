package message

import "bytes"

// unknownBody describes a message of which no structure is known.
const unknownBody = `("TEXT" "PLAIN" NIL NIL NIL "7BIT" 0 0)`

// BasicBody gives BODY, the body structure without extension fields (RFC 9051
// §7.5.2), from what Summary.BodyStructure holds. What is no body structure
// gives that of an empty text.
func BasicBody(bodystructure []byte) []byte {
	c := structureCutter{in: bodystructure, out: make([]byte, 0, len(bodystructure))}
	if !c.body(0) || c.i != len(c.in) {
		return []byte(unknownBody)
	}
	return c.out
}

// structureCutter copies a body structure and leaves extension fields out.
type structureCutter struct {
	in  []byte
	i   int
	out []byte
}

// body copies one body, false when it is none.
func (c *structureCutter) body(depth int) bool {
	if depth > 2*MaxDepth+2 || !c.copyByte('(') || c.i >= len(c.in) {
		return false
	}
	if c.in[c.i] == '(' {
		for c.i < len(c.in) && c.in[c.i] == '(' {
			if !c.body(depth + 1) {
				return false
			}
		}
		return c.copyFields(1) && c.skipToEnd()
	}
	typ := c.in[c.i:]
	if !c.copyValue() || !c.copyByte(' ') {
		return false
	}
	sub := c.in[c.i:]
	if !c.copyValue() || !c.copyFields(5) {
		return false
	}
	switch {
	case hasFoldPrefix(typ, `"TEXT"`):
		if !c.copyFields(1) {
			return false
		}
	case hasFoldPrefix(typ, `"MESSAGE"`) && (hasFoldPrefix(sub, `"RFC822"`) || hasFoldPrefix(sub, `"GLOBAL"`)):
		if !c.copyFields(1) || !c.copyByte(' ') || !c.body(depth+1) || !c.copyFields(1) {
			return false
		}
	}
	return c.skipToEnd()
}

func hasFoldPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && equalFold(b[:len(prefix)], prefix)
}

func (c *structureCutter) copyByte(want byte) bool {
	if c.i >= len(c.in) || c.in[c.i] != want {
		return false
	}
	c.out = append(c.out, want)
	c.i++
	return true
}

// copyFields copies n values with the space before each.
func (c *structureCutter) copyFields(n int) bool {
	for range n {
		if !c.copyByte(' ') || !c.copyValue() {
			return false
		}
	}
	return true
}

func (c *structureCutter) copyValue() bool {
	n := valueLen(c.in[c.i:])
	c.out = append(c.out, c.in[c.i:c.i+n]...)
	c.i += n
	return n > 0
}

// skipToEnd leaves out values up to the ")" of this body, which it copies.
func (c *structureCutter) skipToEnd() bool {
	for c.i < len(c.in) && c.in[c.i] == ' ' {
		c.i++
		n := valueLen(c.in[c.i:])
		if n == 0 {
			return false
		}
		c.i += n
	}
	return c.copyByte(')')
}

// valueLen gives the length of the string, number, NIL or list that b begins
// with, 0 when there is none.
func valueLen(b []byte) int {
	depth, i := 0, 0
	for {
		if i >= len(b) {
			return 0
		}
		switch c := b[i]; {
		case c == '(':
			depth++
			i++
		case c == ')':
			depth--
			i++
		case c == ' ' && depth > 0:
			i++
			continue
		default:
			n := atomLen(b[i:])
			if n == 0 {
				return 0
			}
			i += n
		}
		if depth <= 0 {
			if depth < 0 {
				return 0
			}
			return i
		}
	}
}

// atomLen gives the length of one string, number or NIL.
func atomLen(b []byte) int {
	switch b[0] {
	case '"':
		for i := 1; i < len(b); i++ {
			switch b[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
		return 0
	case '{':
		return literalLen(b)
	}
	i := 0
	for i < len(b) && b[i] > ' ' && b[i] != '(' && b[i] != ')' && b[i] != '"' && b[i] != '{' {
		i++
	}
	return i
}

func literalLen(b []byte) int {
	end := bytes.Index(b[:min(len(b), 16)], []byte("}\r\n"))
	if end < 2 {
		return 0
	}
	n := 0
	for _, c := range b[1:end] {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	if n > len(b)-end-3 {
		return 0
	}
	return end + 3 + n
}
