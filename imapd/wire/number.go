package wire

import "math"

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// Number64 parses a number up to 2^63-1 (RFC 9051 §9, number64).
func (d *Decoder) Number64() uint64 {
	if !isDigit(d.Peek()) {
		d.Fail("expected a number")
		return 0
	}
	var n uint64
	for isDigit(d.Peek()) {
		c := uint64(d.b[d.p] - '0')
		if n > (math.MaxInt64-c)/10 {
			d.Fail("number out of range")
			return 0
		}
		n = n*10 + c
		d.p++
	}
	return n
}

// Number parses a number below 2^32.
func (d *Decoder) Number() uint32 {
	n := d.Number64()
	if n > math.MaxUint32 {
		d.Fail("number out of range")
		return 0
	}
	return uint32(n)
}

// NZNumber parses a number from 1 to 2^32-1.
func (d *Decoder) NZNumber() uint32 {
	n := d.Number()
	if n == 0 {
		d.Fail("expected a number above zero")
	}
	return n
}

// Base64 parses the octets of a Base64 text, or "=".
func (d *Decoder) Base64() string {
	return d.nonEmpty(d.while(func(c byte) bool {
		return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '+' || c == '/' || c == '='
	}), "Base64")
}
