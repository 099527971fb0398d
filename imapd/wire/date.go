package wire

import "time"

// Layouts of RFC 9051 §9: date-time with a blank-padded day, and the date of
// SEARCH with one or two digits.
const (
	DateTimeLayout = "_2-Jan-2006 15:04:05 -0700"
	dateLayout     = "2-Jan-2006"
)

// DateTime parses a quoted date-time: INTERNALDATE.
func (d *Decoder) DateTime() time.Time {
	if d.Peek() != '"' {
		d.Fail("expected a date-time")
		return time.Time{}
	}
	s := d.quoted()
	if d.err != nil {
		return time.Time{}
	}
	t, err := time.Parse(DateTimeLayout, s)
	if err != nil || len(s) != len(DateTimeLayout) {
		d.Fail("bad date-time")
		return time.Time{}
	}
	return t
}

// Date parses a date, quoted or not, as midnight UTC.
func (d *Decoder) Date() time.Time {
	var s string
	if d.Peek() == '"' {
		s = d.quoted()
	} else {
		s = d.while(isAtomChar)
	}
	if d.err != nil {
		return time.Time{}
	}
	t, err := time.Parse(dateLayout, s)
	if err != nil {
		d.Fail("bad date")
		return time.Time{}
	}
	return t
}
