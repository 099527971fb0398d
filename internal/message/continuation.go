package message

import (
	"bytes"
	"slices"
	"strconv"
)

// joinPieces puts parameters together that come in pieces, name*0=…;
// name*1*=…, in any order, as a server does that describes a structure
// (RFC 2231 §6): the whole stands where piece 0 stood, as name, or as name* when
// a piece is extended. Pieces of which one before is missing stay as they are.
func joinPieces(params []param) []param {
	used := make([]bool, len(params))
	for i := range params {
		base, ok := pieceOf(params[i].name, 0)
		if !ok || used[i] {
			continue
		}
		pieces := []param{params[i]}
		for k := nextPiece(params, base, 1); k >= 0 && !used[k]; k = nextPiece(params, base, len(pieces)) {
			pieces = append(pieces, params[k])
			used[k] = true
		}
		params[i] = joined(base, pieces)
	}
	out := params[:0]
	for i, p := range params {
		if !used[i] {
			out = append(out, p)
		}
	}
	return out
}

// inPieces tells the first piece of a parameter.
func inPieces(p param) bool {
	_, ok := pieceOf(p.name, 0)
	return ok
}

// nextPiece gives where piece n of base stands, -1 when there is none.
func nextPiece(params []param, base []byte, n int) int {
	return slices.IndexFunc(params, func(p param) bool {
		of, ok := pieceOf(p.name, n)
		return ok && equalFold(of, string(base))
	})
}

// pieceOf gives the name of which a parameter is piece n.
func pieceOf(name []byte, n int) (base []byte, ok bool) {
	name = bytes.TrimSuffix(name, []byte("*"))
	i := bytes.LastIndexByte(name, '*')
	if i < 1 || string(name[i+1:]) != strconv.Itoa(n) {
		return nil, false
	}
	return name[:i], true
}

// joined makes one parameter of pieces. Beside extended pieces, those that are
// plain are written as extended ones.
func joined(base []byte, pieces []param) param {
	extended := false
	for _, p := range pieces {
		extended = extended || p.name[len(p.name)-1] == '*'
	}
	if !extended {
		var value []byte
		for _, p := range pieces {
			value = append(value, p.value...)
		}
		return param{base, value}
	}
	var value []byte
	if first := pieces[0]; first.name[len(first.name)-1] != '*' {
		value = append(value, "''"...) // no charset, no language
	}
	for _, p := range pieces {
		if p.name[len(p.name)-1] == '*' {
			value = append(value, p.value...)
		} else {
			value = appendPercent(value, p.value)
		}
	}
	return param{append(base[:len(base):len(base)], '*'), value}
}

// appendPercent writes what is no attribute-char of RFC 2231 §7 as %XX.
func appendPercent(out, b []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range b {
		if isToken([]byte{c}) && bytes.IndexByte([]byte("*'%"), c) < 0 {
			out = append(out, c)
		} else {
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return out
}
