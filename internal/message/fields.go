package message

import (
	"bytes"
	"iter"
)

// Field is one header field as it stands in a message.
type Field struct {
	Name  []byte // without trailing space; empty for a line that is no field
	Value []byte // what follows the colon, still folded, line end included
	Raw   []byte // all of its lines, line ends included
}

// Fields goes through the fields of a header in order, until its empty line or
// the end. The slices point into header.
func Fields(header []byte) iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for len(header) > 0 && !isBlank(header) {
			n := fieldLen(header)
			f := Field{Raw: header[:n]}
			header = header[n:]
			f.split()
			if !yield(f) {
				return
			}
		}
	}
}

// split finds name and value. RFC 5322 §4.5 allows space before the colon.
func (f *Field) split() {
	i := bytes.IndexByte(f.Raw, ':')
	if i <= 0 {
		return
	}
	name := f.Raw[:i]
	for len(name) > 0 && (name[len(name)-1] == ' ' || name[len(name)-1] == '\t') {
		name = name[:len(name)-1]
	}
	if len(name) == 0 {
		return
	}
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return
		}
	}
	f.Name, f.Value = name, f.Raw[i+1:]
}

// isBlank tells whether b begins with an empty line.
func isBlank(b []byte) bool {
	return b[0] == '\n' || len(b) > 1 && b[0] == '\r' && b[1] == '\n'
}

// fieldLen gives the length of the first field of b with its continuations.
func fieldLen(b []byte) int {
	n := 0
	for {
		i := bytes.IndexByte(b[n:], '\n')
		if i < 0 {
			return len(b)
		}
		n += i + 1
		if n == len(b) || b[n] != ' ' && b[n] != '\t' {
			return n
		}
	}
}

// AppendFields answers HEADER.FIELDS and, with not, HEADER.FIELDS.NOT (RFC 9051
// §6.4.5): it appends to dst the lines of header whose field names are (not) in
// names, compared without case, and the empty line that always ends them.
func AppendFields(dst, header []byte, names []string, not bool) []byte {
	for f := range Fields(header) {
		if hasName(names, f.Name) != not {
			dst = append(dst, f.Raw...)
		}
	}
	return append(dst, "\r\n"...)
}

func hasName(names []string, name []byte) bool {
	for _, n := range names {
		if equalFold(name, n) {
			return true
		}
	}
	return false
}

// equalFold compares ASCII without case and without allocating.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		if lower(b[i]) != lower(s[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

// unfold gives a field's value on one line: line ends go, the space after
// them stays (RFC 5322 §2.2.3), space around it goes. It copies only when it
// must.
func unfold(v []byte) []byte {
	v = bytes.Trim(v, " \t\r\n")
	if v == nil {
		return []byte{} // there, but empty
	}
	if bytes.IndexByte(v, '\n') < 0 && bytes.IndexByte(v, '\r') < 0 {
		return v
	}
	out := make([]byte, 0, len(v))
	for _, c := range v {
		if c != '\r' && c != '\n' {
			out = append(out, c)
		}
	}
	return out
}

// listed are the fields that clients list messages by.
var listed = []string{
	"From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Subject", "Date",
	"Message-ID", "In-Reply-To", "References", "Content-Type",
	"Content-Description", "Priority", "X-Priority", "Importance", "Newsgroups",
	"List-ID", "List-Post", "List-Subscribe", "List-Unsubscribe", "X-Label",
	"Lines", "Disposition-Notification-To",
}

// IsListed tells whether mail.Summary.Fields holds every field of that name.
// When Fields is empty, nothing is known and the header must be read: the
// message has no such fields, or too much of them.
func IsListed(name string) bool {
	for _, l := range listed {
		if len(l) == len(name) && equalFold([]byte(name), l) {
			return true
		}
	}
	return false
}

// listedFields collects the raw lines of the listed fields, nil when they are
// too long to keep beside the message.
func listedFields(header []byte) []byte {
	n := 0
	for f := range Fields(header) {
		if hasName(listed, f.Name) {
			n += len(f.Raw)
		}
	}
	if n > maxFields {
		return nil
	}
	out := make([]byte, 0, n)
	for f := range Fields(header) {
		if hasName(listed, f.Name) {
			out = append(out, f.Raw...)
		}
	}
	return out
}
