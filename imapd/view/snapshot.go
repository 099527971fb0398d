package view

import (
	"iter"
	"sort"

	"postroom/internal/mail"
)

// row is one message: 16 octets.
type row struct {
	uid    uint32
	meta   uint32 // flags in the low 8 bits, keyword set above
	modseq uint64
}

// chunkRows is the number of rows a chunk is built with. A change copies the
// chunks it touches and the list of chunks, not the mailbox.
const chunkRows = 256

// Snapshot is a mailbox at one modseq: immutable, shared by every view of it.
type Snapshot struct {
	chunks  [][]row
	starts  []uint32 // rows before each chunk
	n       uint32
	modseq  mail.ModSeq
	uidnext mail.UID
	words   *keywordSets
}

// newSnapshot builds a snapshot from rows in ascending order.
func newSnapshot(rows []mail.MessageFlags, modseq mail.ModSeq, uidnext mail.UID) *Snapshot {
	s := &Snapshot{modseq: modseq, uidnext: uidnext, words: newKeywordSets()}
	for len(rows) > 0 {
		n := min(chunkRows, len(rows))
		c := make([]row, n)
		for i, m := range rows[:n] {
			c[i] = encode(m, s.words)
		}
		s.push(c)
		rows = rows[n:]
	}
	return s
}

func encode(m mail.MessageFlags, words *keywordSets) row {
	return row{uint32(m.UID), uint32(m.Flags)&0xff | words.number(m.Keywords)<<8, uint64(m.ModSeq)}
}

func (s *Snapshot) decode(r row) mail.MessageFlags {
	return mail.MessageFlags{UID: mail.UID(r.uid), ModSeq: mail.ModSeq(r.modseq),
		Flags: mail.Flags(r.meta & 0xff), Keywords: s.words.at(r.meta >> 8)}
}

func (s *Snapshot) push(c []row) {
	if len(c) == 0 {
		return
	}
	s.chunks = append(s.chunks, c)
	s.starts = append(s.starts, s.n)
	s.n += uint32(len(c))
}

// search gives the index of the first row with a UID at or above u.
func (s *Snapshot) search(u uint32) uint32 {
	i := sort.Search(len(s.chunks), func(i int) bool {
		c := s.chunks[i]
		return c[len(c)-1].uid >= u
	})
	if i == len(s.chunks) {
		return s.n
	}
	c := s.chunks[i]
	return s.starts[i] + uint32(sort.Search(len(c), func(j int) bool { return c[j].uid >= u }))
}

// at gives the row with index i < n.
func (s *Snapshot) at(i uint32) row {
	c := sort.Search(len(s.starts), func(c int) bool { return s.starts[c] > i }) - 1
	return s.chunks[c][i-s.starts[c]]
}

// from gives the rows from index i on, each with its index.
func (s *Snapshot) from(i uint32) iter.Seq2[uint32, row] {
	return func(yield func(uint32, row) bool) {
		first := max(1, sort.Search(len(s.starts), func(c int) bool { return s.starts[c] > i })) - 1
		for c := first; c < len(s.chunks) && i < s.n; c++ {
			for _, r := range s.chunks[c][i-s.starts[c]:] {
				if !yield(i, r) {
					return
				}
				i++
			}
		}
	}
}

// find gives the row of a UID.
func (s *Snapshot) find(u uint32) (row, bool) {
	i := s.search(u)
	if i == s.n {
		return row{}, false
	}
	r := s.at(i)
	return r, r.uid == u
}

func (s *Snapshot) maxUID() uint32 {
	if s.n == 0 {
		return 0
	}
	return s.at(s.n - 1).uid
}
