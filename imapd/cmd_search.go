package imapd

import (
	"context"
	"slices"

	"postroom/imapd/wire"
	"postroom/internal/mail"
	"postroom/internal/message"
)

type searchArgs struct {
	returns  searchReturn
	extended bool // RETURN was given
	charset  string
	key      criterion
	sets     []*pendingSet
	hints    []*hint
	ranges   []*between
	scope    []func(*candidate) bool // what it looks at, at most
	modseq   bool                    // MODSEQ was searched for
	// whole: not for a part of the messages (RFC 9738 §3.3).
	whole bool
	// mailboxes: each response names its mailbox, and there is none when
	// nothing matches (RFC 7377 §2.1).
	mailboxes bool
	// fuzzy: FUZZY was given; relevant is what scores are made by.
	fuzzy    bool
	relevant []relevant
	// filtered: FILTER was given, so the program is read again when it runs;
	// filled: it was.
	filtered, filled bool
	program          wire.Decoder // before the keys
}

// parseSearch parses
//
//	search         = "SEARCH" [search-return-opts] SP search-program   ; RFC 9051 §6.4.4
//	search-program = ["CHARSET" SP charset SP] search-key *(SP search-key)
func parseSearch(s *session, d *wire.Decoder) *searchArgs {
	a := &searchArgs{}
	a.parseReturn(d)
	a.parseProgram(s, d)
	return a
}

func (a *searchArgs) parseProgram(s *session, d *wire.Decoder) {
	if d.TryWord("CHARSET") {
		d.SP()
		a.charset = d.AString()
		d.SP()
		if s.has(featureUTF8) && !s.has(featureRev2) {
			// RFC 6855 §3: after ENABLE UTF8=ACCEPT everything is UTF-8.
			d.Fail("CHARSET after UTF8=ACCEPT")
		}
	}
	a.parseKeys(s, d)
}

func (a *searchArgs) parseKeys(s *session, d *wire.Decoder) {
	a.program = *d
	a.readKeys(&searchParser{s: s, d: d, args: a})
}

func (a *searchArgs) readKeys(p *searchParser) {
	a.key = p.list()
	if a.returns.relevancy && !a.fuzzy && a.filtered == a.filled {
		p.d.Fail("RELEVANCY goes with FUZZY") // RFC 6203 §4
	}
}

func runSearch(ctx context.Context, s *session, a *searchArgs) (reply, error) {
	return s.search(ctx, a, false)
}

func runUIDSearch(ctx context.Context, s *session, a *searchArgs) (reply, error) {
	s.holdNumbers(a)
	return s.search(ctx, a, true)
}

// numbered tells whether sequence numbers are among the keys.
func (a *searchArgs) numbered() bool {
	return slices.ContainsFunc(a.sets, func(p *pendingSet) bool { return !p.uid && !p.set.Saved })
}

// holdNumbers keeps VANISHED back in a UID command whose keys have sequence
// numbers (RFC 7162 §3.2.10.2).
func (s *session) holdNumbers(a *searchArgs) {
	s.holdsNumbers = s.has(featureQresync) && (a.numbered() || a.filtered)
}

func (s *session) search(ctx context.Context, a *searchArgs, uid bool) (reply, error) {
	if err := s.freshTag(a); err != nil {
		return reply{}, err
	}
	found, err := s.runProgram(ctx, a)
	if err := s.save(a, found, err); err != nil {
		return reply{}, err
	}
	if a.extended || s.has(featureRev2) {
		s.writeESearch(a, uid, found)
	} else {
		s.writeNumbers("SEARCH", a, uid, found)
	}
	s.follow(a, uid, found, nil)
	return reply{}, nil
}

// save keeps what was found as "$" when that is asked for. A search that
// failed leaves it empty (RFC 5182 §2.1).
func (s *session) save(a *searchArgs, found []result, err error) error {
	if a.returns.save && err != nil {
		s.sel.saved = nil
	} else if a.returns.save {
		s.sel.saved = a.returns.toSave(found)
	}
	return err
}

// result is one message that matched.
type result struct {
	seq    uint32
	uid    mail.UID
	modseq mail.ModSeq
	score  uint8 // relevancy, when it was asked for
}

// runProgram gives what matches, ascending.
func (s *session) runProgram(ctx context.Context, a *searchArgs) ([]result, error) {
	if err := s.admit(ctx, a); err != nil {
		return nil, err
	}
	if err := s.numbers(ctx); err != nil {
		return nil, err
	}
	return s.evaluate(ctx, a)
}

// admit fills in filters, refuses a program whose charset is not known or that
// has sequence numbers with UIDONLY, and switches on what it implies.
func (s *session) admit(ctx context.Context, a *searchArgs) error {
	if err := s.fill(ctx, a); err != nil {
		return err
	}
	if a.charset != "" && !message.KnownCharset(a.charset) {
		return mail.Errorf(mail.CodeUnknownCharset, "charset not supported")
	}
	if s.has(featureUIDOnly) && a.numbered() {
		return uidRequired()
	}
	if a.modseq {
		s.enable(featureCondstore)
	}
	return nil
}

// evaluate runs a program on the view, whose numbers are known.
func (s *session) evaluate(ctx context.Context, a *searchArgs) ([]result, error) {
	if err := s.keywordsKnown(ctx); err != nil {
		return nil, err
	}
	for _, set := range a.sets {
		set.resolve(s)
	}
	q := &query{s: s, key: a.key, hints: a.hints, ranges: a.ranges, among: allUIDs}
	switch {
	case s.messageLimit() == 0:
	case a.whole:
		if err := s.allowWhole(s.searched(a)); err != nil {
			return nil, err
		}
	case !a.mailboxes:
		q.among = s.limit(s.searched(a))
	}
	if err := q.run(ctx); err != nil {
		return nil, err
	}
	return q.found, s.scored(ctx, a, q.found)
}

// resolve reads the set against the view.
func (p *pendingSet) resolve(s *session) {
	switch {
	case p.set.Saved:
		p.found = s.sel.saved
	case p.uid:
		p.found = p.set.Resolve(uint32(s.sel.view.MaxUID()))
	default:
		p.found = p.set.Resolve(s.sel.view.Messages())
	}
}

// keywordsKnown loads the keyword table when any message has one unknown.
func (s *session) keywordsKnown(ctx context.Context) error {
	for ids := range s.sel.view.Keywords() {
		for _, id := range ids {
			if s.keywordName(id) == "" {
				return s.loadKeywords(ctx, s.sel.mailbox.Account)
			}
		}
	}
	return nil
}

// query asks the snapshot first, then the index and the store about many
// messages at once, then the rows of what is still open.
type query struct {
	s      *session
	key    criterion
	hints  []*hint
	ranges []*between
	among  mail.UIDSet // only these are looked at
	found  []result
}

// allUIDs holds every message.
var allUIDs = mail.UIDSet{{Lo: 1, Hi: ^mail.UID(0)}}

func (q *query) run(ctx context.Context) error {
	defer forget(q.hints)
	defer forgetRanges(q.ranges)
	open, err := q.snapshot(ctx)
	if err != nil {
		return err
	}
	if narrowed, err := q.s.narrow(ctx, q.hints, open.Len()); err != nil {
		return err
	} else if narrowed {
		if open, err = q.snapshot(ctx); err != nil {
			return err
		}
	}
	if open, err = q.judge(ctx, open); err != nil {
		return err
	}
	// What cheaper keys decide needs no octets.
	if (q.key.cheap || !q.judged()) && q.key.cost == costOctets {
		if open, err = q.rows(ctx, open, q.key.cheapCols, true); err != nil {
			return err
		}
	}
	_, err = q.rows(ctx, open, q.key.cols, false)
	return err
}

// snapshot sets found to what matches by the snapshot alone, and gives what it
// leaves open.
func (q *query) snapshot(ctx context.Context) (open mail.UIDSet, err error) {
	q.found = q.found[:0]
	var c candidate // one for all: keys keep nothing of it
	for seq, flags := range q.s.sel.view.All(q.among) {
		c.seq, c.flags = seq, flags
		v, err := q.key.eval(ctx, &c)
		if err != nil {
			return nil, err
		}
		switch v {
		case matches:
			q.found = append(q.found, result{seq: seq, uid: flags.UID, modseq: flags.ModSeq})
		case unknown:
			open.Append(flags.UID)
		}
	}
	return open, nil
}

// rows evaluates open messages with these columns of their rows, adds those
// that match to found, and gives those that stay open. One that another
// session expunged is read from the restore window.
func (q *query) rows(ctx context.Context, open mail.UIDSet, cols mail.Columns, cheap bool) (still mail.UIDSet, err error) {
	if len(open) == 0 {
		return nil, nil
	}
	var found []result
	var served, left mail.UIDSet
	st, acct, box := q.s.srv.Store, q.s.sel.mailbox.Account, q.s.sel.mailbox.ID
	step := q.s.counting(open.Len())
	var c candidate // one for all: keys keep nothing of it
	each := func(r *mail.MessageRow) error {
		seq, ok := q.s.sel.view.Seq(r.UID)
		flags, ok2 := q.s.sel.view.Row(r.UID)
		if !ok || !ok2 {
			return nil
		}
		served.Append(r.UID)
		b := body{s: q.s, row: r}
		c = candidate{seq: seq, flags: flags, row: r, body: &b, cheap: cheap}
		v, err := q.key.eval(ctx, &c)
		switch {
		case err != nil:
			return err
		case v == matches:
			found = append(found, result{seq: seq, uid: r.UID, modseq: flags.ModSeq})
		case v == unknown:
			left.Append(r.UID)
			step(0)
			return nil
		}
		step(1)
		return nil
	}
	if err := st.FetchMessages(ctx, acct, box, open, cols, each); err != nil {
		return nil, err
	}
	q.found, still = merge(q.found, found), left
	if missing := open.Subtract(served); len(missing) > 0 {
		found, served, left = nil, nil, nil
		if err := st.FetchMessages(ctx, acct, box, missing, cols|mail.WithExpunged, each); err != nil {
			return nil, err
		}
		q.found, still = merge(q.found, found), still.Union(left)
	}
	return still, nil
}

// merge joins two ascending lists.
func merge(a, b []result) []result {
	if len(a) == 0 {
		return b
	}
	out := make([]result, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].uid < b[0].uid {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}
