package message

import (
	"bytes"
	"strconv"
	"time"
)

// obsZones are the zones of RFC 5322 §4.3; all others without digits mean
// -0000.
var obsZones = map[string]int{
	"EDT": -4, "EST": -5, "CDT": -5, "CST": -6, "MDT": -6, "MST": -7, "PDT": -7, "PST": -8,
}

// ParseDate reads a date and time of RFC 5322 §3.3 from a field's value, as
// leniently as mail.Summary.SentAt; the zero Time for what is none.
func ParseDate(value []byte) time.Time { return parseDate(value) }

// parseDate reads a Date field leniently: with or without the day of the week,
// comments, seconds and zone, two-digit years, obsolete zones, and the order
// of C's asctime. It gives the zero Time for what is no date.
func parseDate(value []byte) time.Time {
	d := dateReader{month: -1}
	for _, w := range dateWords(value) {
		if !d.word(w) {
			return time.Time{}
		}
	}
	return d.time()
}

// dateWords splits at space, commas and comments.
func dateWords(v []byte) [][]byte {
	words := make([][]byte, 0, 8)
	r := mimeReader{b: v}
	for len(words) < 12 {
		r.space()
		at := r.i
		for r.i < len(v) && v[r.i] > ' ' && v[r.i] != ',' && v[r.i] != '(' {
			r.i++
		}
		if w := v[at:r.i]; r.i > at {
			words = appendDateWord(words, w)
		} else if r.i >= len(v) {
			return words
		} else {
			r.i++
		}
	}
	return words
}

// appendDateWord joins the pieces of a time that space divides (RFC 5322
// §A.6.3 has "09(comment):   55  :  06").
func appendDateWord(words [][]byte, w []byte) [][]byte {
	if n := len(words); n > 0 && (w[0] == ':' || bytes.HasSuffix(words[n-1], []byte(":"))) {
		words[n-1] = append(bytes.Clone(words[n-1]), w...)
		return words
	}
	return append(words, w)
}

type dateReader struct {
	day, month, year int
	hour, min, sec   int
	offset           int // seconds east
	clock, zone      bool
}

var months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// word takes the next word; false when there can be no date any more.
func (d *dateReader) word(w []byte) bool {
	switch {
	case bytes.IndexByte(w, ':') > 0 && !d.clock:
		return d.readClock(w)
	case w[0] == '+' || w[0] == '-':
		return d.clock && d.readOffset(w)
	case w[0] >= '0' && w[0] <= '9':
		n, err := strconv.Atoi(string(w))
		if err != nil || len(w) > 4 {
			return d.readDashed(w)
		}
		return d.number(n, len(w))
	}
	if len(w) >= 3 && d.month < 0 {
		for i := 0; i < 12; i++ {
			if equalFold(w[:3], months[3*i:3*i+3]) {
				d.month = i + 1
				return true
			}
		}
	}
	if d.clock && !d.zone {
		d.zone = true
		d.offset = obsZones[string(bytes.ToUpper(w))] * 3600
	}
	return true // a day's name, or a zone's
}

func (d *dateReader) number(n, digits int) bool {
	switch {
	case d.day == 0:
		d.day = n
		return n >= 1 && n <= 31
	case d.year == 0 && digits >= 2:
		d.setYear(n, digits)
		return true
	}
	return true
}

// setYear applies RFC 5322 §4.3 to short years.
func (d *dateReader) setYear(n, digits int) {
	switch {
	case digits == 2 && n < 50:
		n += 2000
	case digits <= 3:
		n += 1900
	}
	d.year = n
}

// readDashed reads "02-Jan-2006".
func (d *dateReader) readDashed(w []byte) bool {
	parts := bytes.Split(w, []byte("-"))
	if len(parts) != 3 || d.day != 0 {
		return false
	}
	for _, p := range parts {
		if len(p) == 0 || !d.word(p) {
			return false
		}
	}
	return true
}

func (d *dateReader) readClock(w []byte) bool {
	var n [3]int
	parts := bytes.Split(w, []byte(":"))
	if len(parts) > 3 {
		return false
	}
	for i, p := range parts {
		v, err := strconv.Atoi(string(p))
		if err != nil || v < 0 || v > 60 {
			return false
		}
		n[i] = v
	}
	d.hour, d.min, d.sec, d.clock = n[0], n[1], min(n[2], 59), true
	return d.hour < 24 && d.min < 60
}

func (d *dateReader) readOffset(w []byte) bool {
	if d.zone {
		return true
	}
	n, err := strconv.Atoi(string(w[1:]))
	if err != nil || len(w) != 5 || n < 0 || n%100 > 59 {
		return true // unreadable: as if UTC
	}
	d.offset, d.zone = (n/100)*3600+(n%100)*60, true
	if w[0] == '-' {
		d.offset = -d.offset
	}
	return true
}

func (d *dateReader) time() time.Time {
	if d.day == 0 || d.month < 0 || d.year < 1900 || d.year > 9999 || d.offset > 86400 || d.offset < -86400 {
		return time.Time{}
	}
	t := time.Date(d.year, time.Month(d.month), d.day, d.hour, d.min, d.sec, 0, time.UTC)
	if t.Day() != d.day {
		return time.Time{}
	}
	return t.Add(-time.Duration(d.offset) * time.Second)
}
