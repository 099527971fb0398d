package imapd

import (
	"context"
	"slices"
)

// liveOrder is the result of a SORT that is kept up to date, with its keys.
type liveOrder struct {
	criteria []sortCriterion
	records  []sortRecord
	coming   []sortRecord // read, not yet added
}

// read makes the keys of messages that are to be added.
func (o *liveOrder) read(ctx context.Context, s *session, added []result) (err error) {
	o.coming, err = s.sortRecords(ctx, added, o.criteria)
	return err
}

// remove takes messages out and gives their places, the last first, so that
// each place holds when it is told.
func (o *liveOrder) remove(removed []result) (places []placed) {
	for i := len(o.records) - 1; i >= 0; i-- {
		if at, ok := find(removed, o.records[i].uid); ok {
			places = append(places, placed{removed[at], i + 1})
		}
	}
	o.records = slices.DeleteFunc(o.records, func(r sortRecord) bool { return holds(removed, r.uid) })
	return places
}

// add puts in what was read and gives the places, the first first: each is
// where the message stands when all before it are in.
func (o *liveOrder) add() (places []placed) {
	old, coming := o.records, o.coming
	o.records, o.coming = make([]sortRecord, 0, len(old)+len(coming)), nil
	for len(coming) > 0 {
		if len(old) > 0 && old[0].compare(&coming[0]) < 0 {
			o.records, old = append(o.records, old[0]), old[1:]
			continue
		}
		o.records = append(o.records, coming[0])
		places = append(places, placed{coming[0].result, len(o.records)})
		coming = coming[1:]
	}
	o.records = append(o.records, old...)
	return places
}
