package imapd

// block inflates the next block (RFC 1951 §3.2.3). Of one with the fixed codes
// it reads the beginning only: an empty one is how Z_PARTIAL_FLUSH ends, and its
// last bits come with what is sent next.
func (f *inflater) block() {
	f.calm = true
	f.want(3)
	f.calm = false
	f.last = f.take(1) == 1
	switch kind := f.take(2); {
	case f.err != nil:
	case kind == 0:
		f.stored()
	case kind == 1:
		f.fixed = true
	case kind == 2:
		f.readCodes()
		f.coded()
	default:
		f.err = errDeflate
	}
}

// stored copies a block without compression (RFC 1951 §3.2.4).
func (f *inflater) stored() {
	f.take(f.nbits & 7)
	n, complement := f.take(16), f.take(16)
	if f.err == nil && n != complement^0xffff {
		f.err = errDeflate
	}
	for ; n > 0 && f.err == nil; n-- {
		if c := byte(f.take(8)); f.err == nil {
			f.put(c)
		}
	}
}

// Lengths and distances: the first of each symbol, and the bits that follow it
// (RFC 1951 §3.2.5).
var (
	lengthBase = [...]int{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthBits = [...]int{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	offsetBase = [...]int{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	offsetBits = [...]int{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

const endOfBlock = 256

// coded inflates symbols up to the end of the block.
func (f *inflater) coded() {
	if f.fixed {
		f.literals, f.offsets = &fixedLiterals, &fixedOffsets
	}
	for f.err == nil {
		f.calm = f.fixed
		sym := f.symbol(f.literals)
		f.calm = false
		switch {
		case f.err != nil:
		case sym == endOfBlock:
			f.fixed = false
			return
		case sym < endOfBlock:
			f.put(byte(sym))
		case sym-endOfBlock-1 >= len(lengthBase):
			f.err = errDeflate
		default:
			n := lengthBase[sym-endOfBlock-1] + f.take(lengthBits[sym-endOfBlock-1])
			f.repeat(f.offset(), n)
		}
	}
}

// offset reads how far back a repetition begins.
func (f *inflater) offset() int {
	sym := f.symbol(f.offsets)
	if sym >= len(offsetBase) {
		f.err = errDeflate
		return 0
	}
	return offsetBase[sym] + f.take(offsetBits[sym])
}

// repeat puts n octets that stood offset octets before.
func (f *inflater) repeat(offset, n int) {
	if f.err == nil && offset > len(f.window) {
		f.err = errDeflate
	}
	for ; n > 0 && f.err == nil; n-- {
		f.put(f.window[len(f.window)-offset])
	}
}

// codeOrder is the order of the code lengths of code lengths (RFC 1951 §3.2.7).
var codeOrder = [...]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// readCodes reads the codes of a block that brings its own (RFC 1951 §3.2.7).
func (f *inflater) readCodes() {
	nlit, noff, ncode := 257+f.take(5), 1+f.take(5), 4+f.take(4)
	var of [len(codeOrder)]uint8
	for _, i := range codeOrder[:ncode] {
		of[i] = uint8(f.take(3))
	}
	lengths := make([]uint8, 0, nlit+noff)
	if h := new(prefixCode); h.build(of[:]) {
		lengths = f.readLengths(h, lengths)
	}
	f.literals, f.offsets = new(prefixCode), new(prefixCode)
	if len(lengths) < nlit+noff || nlit > 286 || noff > len(offsetBase) || lengths[endOfBlock] == 0 ||
		!f.literals.build(lengths[:nlit]) || !f.offsets.build(lengths[nlit:]) {
		f.fail()
	}
}

// readLengths fills lengths with the lengths of codes, which are in code h.
func (f *inflater) readLengths(h *prefixCode, lengths []uint8) []uint8 {
	for f.err == nil && len(lengths) < cap(lengths) {
		sym := f.symbol(h)
		value, times := uint8(sym), 1
		switch sym {
		case 16:
			if len(lengths) == 0 {
				return nil
			}
			value, times = lengths[len(lengths)-1], 3+f.take(2)
		case 17:
			value, times = 0, 3+f.take(3)
		case 18:
			value, times = 0, 11+f.take(7)
		}
		if len(lengths)+times > cap(lengths) {
			return nil
		}
		for range times {
			lengths = append(lengths, value)
		}
	}
	return lengths
}

// fail ends it, unless something ended it before.
func (f *inflater) fail() {
	if f.err == nil {
		f.err = errDeflate
	}
}
