package wire

import (
	"bytes"
	"io"
)

// header parses a literal header at the cursor, up to its CRLF.
func (d *Decoder) header() (lit Literal, ok bool) {
	rest := d.b[d.p:]
	i := bytes.IndexByte(rest, '\n')
	if i < 0 {
		d.Fail("expected a literal")
		return lit, false
	}
	head := rest[:i+1]
	want := byte('{')
	if d.Peek() == '~' {
		want = '~'
	}
	lit, ok, err := literalHeader(head)
	if err != nil || !ok || len(head) > tailSize || head[0] != want || bytes.Count(head, []byte("{")) != 1 || want == '~' && head[1] != '{' {
		d.Fail("bad literal")
		return lit, false
	}
	d.p += i + 1
	return lit, true
}

// Value parses a value of metadata (RFC 5464 §5):
//
//	value = nstring / literal8
//
// ok is false for NIL.
func (d *Decoder) Value() (s string, ok bool) {
	if d.Peek() == '~' {
		return d.literalOf(true), d.err == nil
	}
	return d.NString()
}

// literal gives the octets of a literal; NUL is refused (RFC 9051 §9, CHAR8).
func (d *Decoder) literal() string { return d.literalOf(false) }

func (d *Decoder) literalOf(binary bool) string {
	lit, ok := d.header()
	if !ok {
		return ""
	}
	if lit.Binary && !binary {
		d.Fail("a literal8 is not allowed here")
		return ""
	}
	if d.in != nil && d.in.pending != nil && d.p == len(d.b) {
		return d.pull(lit)
	}
	if lit.Size > int64(len(d.b)-d.p) {
		d.Fail("literal without its octets")
		return ""
	}
	s := d.b[d.p : d.p+int(lit.Size)]
	d.p += int(lit.Size)
	if !binary && bytes.IndexByte(s, 0) >= 0 {
		d.Fail("NUL in a literal")
		return ""
	}
	return string(s)
}

// pull reads an argument's literal that the framer left in the stream.
func (d *Decoder) pull(lit Literal) string {
	if lit.Size > int64(d.in.Limit) {
		d.setErr(ErrLiteralTooBig)
		return ""
	}
	if err := d.in.Open(); err != nil {
		d.setErr(err)
		return ""
	}
	octets := make([]byte, lit.Size)
	if _, err := io.ReadFull(d.in, octets); err != nil {
		d.setErr(err)
		return ""
	}
	d.ReadMore()
	if bytes.IndexByte(octets, 0) >= 0 {
		d.Fail("NUL in a literal")
	}
	if d.err != nil {
		return ""
	}
	return string(octets)
}

// StreamLiteral parses the header of the literal that the framer left in the
// stream. The caller then opens it with Input.Open, reads it from Input, and
// goes on with ReadMore; or gives up, and Input.Finish clears the stream.
func (d *Decoder) StreamLiteral() (Literal, bool) {
	if c := d.Peek(); c != '{' && c != '~' {
		d.Fail("expected a literal")
		return Literal{}, false
	}
	lit, ok := d.header()
	if !ok {
		return lit, false
	}
	if d.in == nil || d.in.pending == nil || d.p != len(d.b) {
		d.Fail("bad literal")
		return lit, false
	}
	return lit, true
}

// ReadMore frames the line behind a literal and parses on there.
func (d *Decoder) ReadMore() {
	if d.err != nil || d.in == nil {
		return
	}
	b, err := d.in.ReadMore()
	if err != nil {
		d.setErr(err)
		return
	}
	d.b, d.p = b, 0
}
