package imapd

import (
	"context"

	"postroom/imapd/wire"
)

type sortArgs struct {
	searchArgs
	criteria []sortCriterion
}

// parseSort parses
//
//	sort          = ["UID" SP] "SORT" SP sort-criteria SP search-criteria   ; RFC 5256 §5
//	extended-sort = ["UID" SP] "SORT" search-return-opts SP sort-criteria SP search-criteria   ; RFC 5267 §5
func parseSort(s *session, d *wire.Decoder) *sortArgs {
	a := &sortArgs{}
	a.parseReturn(d)
	a.criteria = parseSortCriteria(d)
	d.SP()
	a.parseCriteria(s, d)
	for i := range a.criteria {
		if c := &a.criteria[i]; c.relevancy {
			c.append = a.appendRelevancy
			if !a.fuzzy {
				d.Fail("RELEVANCY goes with FUZZY") // RFC 6203 §6
			}
		}
	}
	return a
}

// parseCriteria parses
//
//	search-criteria = charset 1*(SP search-key)   ; RFC 5256 §5
func (a *searchArgs) parseCriteria(s *session, d *wire.Decoder) {
	a.charset, a.whole = d.AString(), true
	d.SP()
	a.parseKeys(s, d)
}

func runSort(ctx context.Context, s *session, a *sortArgs) (reply, error) {
	return s.sort(ctx, a, false)
}

func runUIDSort(ctx context.Context, s *session, a *sortArgs) (reply, error) {
	s.holdNumbers(&a.searchArgs)
	return s.sort(ctx, a, true)
}

func (s *session) sort(ctx context.Context, a *sortArgs, uid bool) (reply, error) {
	if err := s.freshTag(&a.searchArgs); err != nil {
		return reply{}, err
	}
	found, err := s.runProgram(ctx, &a.searchArgs)
	var records []sortRecord
	if err == nil {
		records, err = s.sortRecords(ctx, found, a.criteria)
	}
	found = resultsOf(records)
	if err := s.save(&a.searchArgs, found, err); err != nil {
		return reply{}, err
	}
	if a.extended {
		s.writeESearch(&a.searchArgs, uid, found)
	} else {
		s.writeNumbers("SORT", &a.searchArgs, uid, found)
	}
	s.follow(&a.searchArgs, uid, found, &liveOrder{criteria: a.criteria, records: records})
	return reply{}, nil
}
