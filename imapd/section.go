package imapd

import (
	"strconv"
	"strings"

	"postroom/imapd/wire"
)

// section is what BODY[…] or BINARY[…] names.
type section struct {
	path    []int
	text    string // "", HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT or MIME
	fields  []string
	partial bool
	offset  int64
	count   int64
}

// Bounds of what a client may name; no message goes deeper (message.MaxDepth).
const (
	maxSectionDepth  = 128
	maxSectionFields = 256
)

// parseSection parses
//
//	section         = "[" [section-spec] "]" [partial]        ; RFC 9051 §6.4.5
//	section-spec    = section-msgtext / (section-part ["." section-text])
//	section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"
//	section-part    = nz-number *("." nz-number)
//	section-text    = section-msgtext / "MIME"
func parseSection(d *wire.Decoder, partial bool) *section {
	sec := &section{}
	d.Expect('[')
	parsePath(d, sec)
	if c := d.Peek(); c != ']' && d.Err() == nil {
		parseSectionText(d, sec)
	}
	d.Expect(']')
	if partial {
		parsePartial(d, sec)
	}
	return sec
}

// parsePath stops behind the "." that leads to section-text.
func parsePath(d *wire.Decoder, sec *section) {
	for d.Err() == nil && d.Peek() >= '0' && d.Peek() <= '9' {
		if len(sec.path) >= maxSectionDepth {
			d.Fail("section too deep")
			return
		}
		sec.path = append(sec.path, int(d.NZNumber()))
		if !d.Try('.') {
			return
		}
		if d.Peek() == ']' {
			d.Fail("bad section")
		}
	}
}

func parseSectionText(d *wire.Decoder, sec *section) {
	sec.text = d.WordUntil()
	switch sec.text {
	case "HEADER", "TEXT":
	case "MIME":
		if len(sec.path) == 0 {
			d.Fail("MIME needs a part number")
		}
	case "HEADER.FIELDS", "HEADER.FIELDS.NOT":
		d.SP()
		d.Expect('(')
		for first := true; d.Err() == nil && (first || d.Try(' ')); first = false {
			if len(sec.fields) >= maxSectionFields {
				d.Fail("too many header fields")
			}
			sec.fields = append(sec.fields, d.AString())
		}
		d.Expect(')')
	default:
		d.Fail("unknown section")
	}
}

// partial = "<" number64 "." nz-number64 ">"
func parsePartial(d *wire.Decoder, sec *section) {
	if !d.Try('<') {
		return
	}
	sec.partial = true
	sec.offset = int64(d.Number64())
	d.Expect('.')
	sec.count = int64(d.Number64())
	if sec.count == 0 {
		d.Fail("a partial range can't be empty")
	}
	d.Expect('>')
}

// parseBinary parses
//
//	section-binary = "[" [section-part] "]"            ; RFC 9051 §9, RFC 3516
func parseBinary(d *wire.Decoder, partial bool) *section {
	sec := &section{}
	d.Expect('[')
	parsePath(d, sec)
	d.Expect(']')
	if partial {
		parsePartial(d, sec)
	}
	return sec
}

// prefix is how the response names the section, up to the field list.
func (sec *section) prefix() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, n := range sec.path {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(strconv.Itoa(n))
	}
	if sec.text != "" {
		if len(sec.path) > 0 {
			b.WriteByte('.')
		}
		b.WriteString(sec.text)
	}
	return b.String()
}

// label gives what write writes.
func (sec *section) label(item string, utf8 bool) string {
	var b strings.Builder
	enc := wire.NewEncoder(&b)
	enc.UTF8 = utf8
	sec.write(enc, item)
	_ = enc.Flush() // into memory
	return b.String()
}

// write writes the section as a response names it.
func (sec *section) write(enc *wire.Encoder, item string) {
	enc.Raw(item, sec.prefix())
	for i, name := range sec.fields {
		if i == 0 {
			enc.Raw(" (")
		} else {
			enc.Raw(" ")
		}
		enc.AString(name)
	}
	if len(sec.fields) > 0 {
		enc.Raw(")")
	}
	enc.Raw("]")
	if sec.partial {
		enc.Raw("<").Number(uint64(sec.offset)).Raw(">")
	}
	enc.Raw(" ")
}
