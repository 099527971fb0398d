package view

import (
	"sort"

	"postroom/internal/mail"
)

// apply gives the snapshot after changes: rows are put in or replace their
// like, vanished UIDs go. Chunks that no change touches are shared.
func (s *Snapshot) apply(rows []mail.MessageFlags, vanished mail.UIDSet, modseq mail.ModSeq, uidnext mail.UID) *Snapshot {
	out := &Snapshot{modseq: modseq, uidnext: uidnext, words: s.words}
	out.chunks = make([][]row, 0, len(s.chunks)+1)
	out.starts = make([]uint32, 0, len(s.chunks)+1)
	for i, c := range s.chunks {
		// Rows up to the next chunk's first UID belong here; the last chunk
		// takes the rest.
		n := len(rows)
		if i+1 < len(s.chunks) {
			next := mail.UID(s.chunks[i+1][0].uid)
			n = 0
			for n < len(rows) && rows[n].UID < next {
				n++
			}
		}
		if n == 0 && !touches(vanished, c) {
			out.push(c)
			continue
		}
		out.pushSplit(mergeChunk(c, rows[:n], vanished, s.words))
		rows = rows[n:]
	}
	if len(s.chunks) == 0 {
		out.pushSplit(mergeChunk(nil, rows, vanished, s.words))
	}
	if out.words.len() > 4096+2*int(out.n) {
		return out.renumber()
	}
	return out
}

func touches(set mail.UIDSet, c []row) bool {
	lo, hi := mail.UID(c[0].uid), mail.UID(c[len(c)-1].uid)
	i := sort.Search(len(set), func(i int) bool { return set[i].Hi >= lo })
	return i < len(set) && set[i].Lo <= hi
}

// mergeChunk merges two ascending lists; of two rows with one UID the changed
// one wins.
func mergeChunk(c []row, changed []mail.MessageFlags, vanished mail.UIDSet, words *keywordSets) []row {
	out := make([]row, 0, len(c)+len(changed))
	add := func(r row) {
		if !vanished.Contains(mail.UID(r.uid)) {
			out = append(out, r)
		}
	}
	i := 0
	for _, m := range changed {
		for i < len(c) && c[i].uid < uint32(m.UID) {
			add(c[i])
			i++
		}
		if i < len(c) && c[i].uid == uint32(m.UID) {
			i++
		}
		add(encode(m, words))
	}
	for ; i < len(c); i++ {
		add(c[i])
	}
	return out
}

// pushSplit pushes a merged chunk: cut when it grew too long, joined with the
// one before when both are small, so that chunks stay near chunkRows.
func (s *Snapshot) pushSplit(c []row) {
	if last := len(s.chunks) - 1; last >= 0 && len(c) > 0 && len(s.chunks[last])+len(c) <= chunkRows/2 {
		joined := append(append(make([]row, 0, len(s.chunks[last])+len(c)), s.chunks[last]...), c...)
		s.n -= uint32(len(s.chunks[last]))
		s.chunks, s.starts = s.chunks[:last], s.starts[:last]
		s.push(joined)
		return
	}
	for len(c) > 2*chunkRows {
		s.push(c[:chunkRows:chunkRows])
		c = c[chunkRows:]
	}
	s.push(c[:len(c):len(c)])
}

// renumber gives the same snapshot with a keyword table of the sets in use, so
// that a client that stores ever new sets does not make it grow for ever.
func (s *Snapshot) renumber() *Snapshot {
	out := &Snapshot{modseq: s.modseq, uidnext: s.uidnext, words: newKeywordSets()}
	for _, c := range s.chunks {
		nc := make([]row, len(c))
		for i, r := range c {
			nc[i] = encode(s.decode(r), out.words)
		}
		out.push(nc)
	}
	return out
}

// diff walks two snapshots of one mailbox in UID order and calls visit for
// every UID that is not the same in both: a or b is nil where it is missing.
// same is called with the number of rows that are equal. Shared chunks cost
// one comparison.
func diff(a, b *Snapshot, same func(n uint32), visit func(a, b *row)) {
	var ai, aj, bi, bj int
	for ai < len(a.chunks) || bi < len(b.chunks) {
		if ai == len(a.chunks) {
			visit(nil, &b.chunks[bi][bj])
			step(b, &bi, &bj)
			continue
		}
		if bi == len(b.chunks) {
			visit(&a.chunks[ai][aj], nil)
			step(a, &ai, &aj)
			continue
		}
		ca, cb := a.chunks[ai], b.chunks[bi]
		if aj == 0 && bj == 0 && len(ca) == len(cb) && &ca[0] == &cb[0] {
			same(uint32(len(ca)))
			ai, bi = ai+1, bi+1
			continue
		}
		ra, rb := &ca[aj], &cb[bj]
		switch {
		case ra.uid < rb.uid:
			visit(ra, nil)
			step(a, &ai, &aj)
		case ra.uid > rb.uid:
			visit(nil, rb)
			step(b, &bi, &bj)
		default:
			if ra.modseq == rb.modseq {
				same(1)
			} else {
				visit(ra, rb)
			}
			step(a, &ai, &aj)
			step(b, &bi, &bj)
		}
	}
}

func step(s *Snapshot, i, j *int) {
	if *j++; *j == len(s.chunks[*i]) {
		*i, *j = *i+1, 0
	}
}
