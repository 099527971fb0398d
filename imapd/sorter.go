package imapd

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"postroom/internal/mail"
)

// sorter puts messages in order by keys that stand in their rows.
type sorter struct {
	criteria []sortCriterion
	scratch  []byte
	arena    []byte // what the keys point into
}

// sortArena is how much room for keys is made at once, in octets.
const sortArena = 64 << 10

// sortRecord is a message with its key.
type sortRecord struct {
	result
	prefix uint64 // the key's first octets: most comparisons look no further
	key    []byte
}

func (a *sortRecord) compare(b *sortRecord) int {
	if c := cmp.Compare(a.prefix, b.prefix); c != 0 {
		return c
	}
	if c := bytes.Compare(a.key, b.key); c != 0 {
		return c
	}
	// Behind all criteria stands the order in the mailbox (RFC 5256
	// §BASE.6.4.SORT).
	return cmp.Compare(a.uid, b.uid)
}

func resultsOf(records []sortRecord) []result {
	found := make([]result, len(records))
	for i, r := range records {
		found[i] = r.result
	}
	return found
}

// sortRecords gives found, which is in mailbox order, in that of the criteria.
func (s *session) sortRecords(ctx context.Context, found []result, criteria []sortCriterion) ([]sortRecord, error) {
	o := sorter{criteria: criteria}
	records := make([]sortRecord, len(found))
	for i, r := range found {
		records[i].result = r
	}
	err := s.eachRow(ctx, found, o.cols(), func(i int, r *mail.MessageRow) error {
		o.fill(&records[i], r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(records, func(a, b sortRecord) int { return a.compare(&b) })
	return records, nil
}

func (o *sorter) cols() (cols mail.Columns) {
	for _, c := range o.criteria {
		cols |= c.cols
	}
	return cols
}

// fill writes the key of a message.
func (o *sorter) fill(rec *sortRecord, r *mail.MessageRow) {
	key := o.scratch[:0]
	for i := range o.criteria {
		key = o.criteria[i].appendTo(key, r)
	}
	o.scratch = key
	if cap(o.arena)-len(o.arena) < len(key) {
		o.arena = make([]byte, 0, max(sortArena, len(key)))
	}
	n := len(o.arena)
	o.arena = append(o.arena, key...)
	rec.key = o.arena[n:len(o.arena):len(o.arena)]
	var first [8]byte
	copy(first[:], key)
	rec.prefix = binary.BigEndian.Uint64(first[:])
}

// find gives the place of a message in a list that is in mailbox order.
func find(list []result, u mail.UID) (int, bool) {
	return slices.BinarySearchFunc(list, u, func(r result, u mail.UID) int { return cmp.Compare(r.uid, u) })
}

// eachRow reads the rows of messages that a search found, in mailbox order;
// fn gets the place in found. One that another session expunged meanwhile is
// read from the restore window, after the others.
func (s *session) eachRow(ctx context.Context, found []result, cols mail.Columns, fn func(i int, r *mail.MessageRow) error) error {
	uids := uidsOf(found)
	var served mail.UIDSet
	step := s.counting(int64(len(found)))
	each := func(r *mail.MessageRow) error {
		i, ok := find(found, r.UID)
		if !ok {
			return nil
		}
		served.Append(r.UID)
		step(1)
		return fn(i, r)
	}
	st, acct, box := s.srv.Store, s.sel.mailbox.Account, s.sel.mailbox.ID
	if err := st.FetchMessages(ctx, acct, box, uids, cols, each); err != nil {
		return err
	}
	missing := uids.Subtract(served)
	if len(missing) == 0 {
		return nil
	}
	return st.FetchMessages(ctx, acct, box, missing, cols|mail.WithExpunged, each)
}
