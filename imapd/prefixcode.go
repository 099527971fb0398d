package imapd

const (
	longestCode = 15
	quickBits   = 9
	maxLiterals = 288 // symbols of literals and lengths
)

// prefixCode is a canonical Huffman code (RFC 1951 §3.2.2).
type prefixCode struct {
	count   [longestCode + 1]uint16 // codes of each length
	symbols [maxLiterals]uint16     // in the order of their codes
	// quick has, by the next bits, the symbol<<4 | length of codes of up to
	// quickBits bits, and 0 for longer ones.
	quick [1 << quickBits]uint16
}

var fixedLiterals, fixedOffsets = fixedCodes()

// fixedCodes are those of blocks that bring none (RFC 1951 §3.2.6).
func fixedCodes() (literals, offsets prefixCode) {
	var l [maxLiterals]uint8
	for i := range l {
		switch {
		case i < 144:
			l[i] = 8
		case i < 256:
			l[i] = 9
		case i < 280:
			l[i] = 7
		default:
			l[i] = 8
		}
	}
	literals.build(l[:])
	var o [32]uint8
	for i := range o {
		o[i] = 5
	}
	offsets.build(o[:])
	return literals, offsets
}

// build makes the code of symbols with these code lengths, at most 288 of at
// most 15 bits, where 0 is a symbol that does not occur. It gives false when
// they ask for more codes than there are, or leave some unused; only a single
// code of one bit, and none, are taken: a block with one distance has such.
func (h *prefixCode) build(lengths []uint8) bool {
	*h = prefixCode{}
	for _, n := range lengths {
		h.count[n]++
	}
	h.count[0] = 0
	var first, at [longestCode + 2]uint16 // code and index in symbols
	left := 1
	for n := 1; n <= longestCode; n++ {
		if left = left<<1 - int(h.count[n]); left < 0 {
			return false
		}
		first[n+1] = (first[n] + h.count[n]) << 1
		at[n+1] = at[n] + h.count[n]
	}
	if used := at[longestCode+1]; left > 0 && used > 0 && (used > 1 || h.count[1] == 0) {
		return false
	}
	next := first
	for sym, n := range lengths {
		if n == 0 {
			continue
		}
		h.symbols[at[n]+next[n]-first[n]] = uint16(sym)
		h.quicken(next[n], n, uint16(sym))
		next[n]++
	}
	return true
}

// quicken enters a code of n bits into quick, where the first bit is lowest.
func (h *prefixCode) quicken(code uint16, n uint8, sym uint16) {
	if n > quickBits {
		return
	}
	low := 0
	for i := range n {
		low |= int(code>>(n-1-i)&1) << i
	}
	for i := low; i < len(h.quick); i += 1 << n {
		h.quick[i] = sym<<4 | uint16(n)
	}
}

// symbol reads the next symbol, and no octet more than its code needs.
func (f *inflater) symbol(h *prefixCode) int {
	if q := h.quick[f.bits&(1<<quickBits-1)]; q != 0 && int(q&15) <= f.nbits {
		f.bits >>= q & 15
		f.nbits -= int(q & 15)
		return int(q >> 4)
	}
	code, first, at := 0, 0, 0
	for n := 1; n <= longestCode; n++ {
		if f.want(n); f.err != nil {
			return 0
		}
		code |= int(f.bits >> (n - 1) & 1)
		count := int(h.count[n])
		if code-first < count {
			f.bits >>= n
			f.nbits -= n
			return int(h.symbols[at+code-first])
		}
		at += count
		first = (first + count) << 1
		code <<= 1
	}
	f.fail()
	return 0
}
