package wire

import (
	"bytes"
	"iter"
)

// Ahead gives the commands behind the current one that have arrived whole, up
// to the first with a literal. It takes nothing away; a slice is valid until
// the next read.
func (in *Input) Ahead() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if in.pending != nil || in.open {
			return
		}
		for rest := in.unread; ; {
			i := bytes.IndexByte(rest, '\n')
			if i < 0 {
				return
			}
			line := rest[:i+1]
			if _, literal, err := literalHeader(line[max(0, len(line)-tailSize):]); literal || err != nil {
				return
			}
			if !yield(trimEOL(line)) {
				return
			}
			rest = rest[i+1:]
		}
	}
}
