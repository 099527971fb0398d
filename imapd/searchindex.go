package imapd

import (
	"context"

	"postroom/internal/mail"
)

// hint is what the search index can say of one string: the messages that may
// contain it. Until it is asked, any may.
type hint struct {
	grams []int32
	may   mail.UIDSet
	known bool
}

// hinted makes a key fail messages that do not have these grams.
func (p *searchParser) hinted(k criterion, grams []int32) criterion {
	if len(grams) == 0 {
		return k // words of one or two characters
	}
	h := &hint{grams: grams}
	p.args.hints = append(p.args.hints, h)
	eval := k.eval
	k.eval = func(ctx context.Context, c *candidate) (verdict, error) {
		if h.known && !h.may.Contains(c.flags.UID) {
			return fails, nil
		}
		return eval(ctx, c)
	}
	return k
}

// forget makes hints say nothing: what they said was of one mailbox.
func forget(hints []*hint) {
	for _, h := range hints {
		h.may, h.known = nil, false
	}
}

// When the index is worth asking.
const (
	indexLeast  = 64 // messages: fewer are read at once
	indexHints  = 16 // strings of one search
	indexFactor = 4  // a string in more than one in so many messages: all are read
)

// narrow asks the index about the strings of a search that left open messages
// open, and tells whether it said anything.
func (s *session) narrow(ctx context.Context, hints []*hint, open int64) (any bool, err error) {
	if open < indexLeast {
		return false, nil
	}
	most := int(max(indexLeast, open/indexFactor))
	for _, h := range hints[:min(len(hints), indexHints)] {
		h.may, h.known, err = s.srv.Store.SearchCandidates(ctx, s.sel.mailbox.Account, s.sel.mailbox.ID, h.grams, most)
		if err != nil {
			return false, err
		}
		any = any || h.known
	}
	return any, nil
}
