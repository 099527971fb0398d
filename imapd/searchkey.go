package imapd

import (
	"context"
	"time"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// searchParser is one SEARCH being parsed.
type searchParser struct {
	s     *session
	d     *wire.Decoder
	depth int
	keys  int
	args  *searchArgs
	// inFuzzy: the key stands inside FUZZY.
	inFuzzy bool
	filters *filters // nil: not known yet
}

// Bounds of one search program.
const (
	maxSearchDepth = 100
	maxSearchKeys  = 2000
)

// searchKeys is the table of keys with a name (RFC 9051 §6.4.4, RFC 3501
// §6.4.4, and extensions); a row parses what follows the name.
var searchKeys map[string]func(*searchParser) criterion

func init() {
	searchKeys = map[string]func(*searchParser) criterion{
		"ALL":        func(*searchParser) criterion { return onSnapshot(func(*candidate) bool { return true }) },
		"ANSWERED":   hasFlag(mail.FlagAnswered),
		"DELETED":    hasFlag(mail.FlagDeleted),
		"DRAFT":      hasFlag(mail.FlagDraft),
		"FLAGGED":    hasFlag(mail.FlagFlagged),
		"SEEN":       hasFlag(mail.FlagSeen),
		"UNANSWERED": lacksFlag(mail.FlagAnswered),
		"UNDELETED":  lacksFlag(mail.FlagDeleted),
		"UNDRAFT":    lacksFlag(mail.FlagDraft),
		"UNFLAGGED":  lacksFlag(mail.FlagFlagged),
		"UNSEEN":     lacksFlag(mail.FlagSeen),
		"KEYWORD":    func(p *searchParser) criterion { return p.keyword() },
		"UNKEYWORD":  func(p *searchParser) criterion { return not(p.keyword()) },
		"RECENT":     recent,
		"OLD":        func(p *searchParser) criterion { return not(recent(p)) },
		"NEW":        func(p *searchParser) criterion { return allOf([]criterion{recent(p), lacksFlag(mail.FlagSeen)(p)}) },

		"NOT": func(p *searchParser) criterion { p.d.SP(); return not(p.key()) },
		"OR": func(p *searchParser) criterion {
			p.d.SP()
			a := p.key()
			p.d.SP()
			return anyOf([]criterion{a, p.key()})
		},
		"FUZZY":  func(p *searchParser) criterion { return p.fuzzy() },
		"FILTER": func(p *searchParser) criterion { return p.filter() },
		"UID":    func(p *searchParser) criterion { p.d.SP(); return p.numbers(true) },

		"UIDAFTER":   uidFrom(func(uid, than mail.UID) bool { return uid > than }),
		"UIDBEFORE":  uidFrom(func(uid, than mail.UID) bool { return uid < than }),
		"BEFORE":     day(mail.ByReceived, beforeDay),
		"ON":         day(mail.ByReceived, onDay),
		"SINCE":      day(mail.ByReceived, sinceDay),
		"SENTBEFORE": sent(func(day, t time.Time) bool { return day.Before(t) }),
		"SENTON":     sent(func(day, t time.Time) bool { return day.Equal(t) }),
		"SENTSINCE":  sent(func(day, t time.Time) bool { return !day.Before(t) }),
		"OLDER":      within(older),
		"YOUNGER":    within(younger),
		"LARGER":     size(larger),
		"SMALLER":    size(smaller),

		"BCC":     headerKey("Bcc"),
		"CC":      headerKey("Cc"),
		"FROM":    headerKey("From"),
		"SUBJECT": headerKey("Subject"),
		"TO":      headerKey("To"),
		"HEADER": func(p *searchParser) criterion {
			p.d.SP()
			name := p.d.AString()
			return headerKey(name)(p)
		},
		"BODY":   func(p *searchParser) criterion { return p.text(false) },
		"TEXT":   func(p *searchParser) criterion { return p.text(true) },
		"MODSEQ": func(p *searchParser) criterion { return p.modSeq() },

		"SAVEDBEFORE":       day(mail.BySaved, beforeDay),
		"SAVEDON":           day(mail.BySaved, onDay),
		"SAVEDSINCE":        day(mail.BySaved, sinceDay),
		"SAVEDATESUPPORTED": func(*searchParser) criterion { return onSnapshot(func(*candidate) bool { return true }) },

		"EMAILID":  objectIDKey(0, func(r *mail.MessageRow) string { return emailID(r.MessageID) }),
		"THREADID": objectIDKey(mail.ColThread, func(r *mail.MessageRow) string { return threadID(r.ThreadID) }),
	}
}

// key parses
//
//	search-key = name … / sequence-set / "(" search-key *(SP search-key) ")"
func (p *searchParser) key() criterion {
	p.depth++
	defer func() { p.depth-- }()
	if p.keys++; p.depth > maxSearchDepth || p.keys > maxSearchKeys {
		p.d.Fail("search too complex")
	}
	if p.d.Err() != nil {
		return criterion{}
	}
	switch c := p.d.Peek(); {
	case p.d.Try('('):
		k := p.list()
		p.d.Expect(')')
		return k
	case c >= '0' && c <= '9' || c == '*' || c == '$':
		return p.numbers(false)
	}
	parse := searchKeys[p.d.Word()]
	if parse == nil {
		p.d.Fail("unknown search key")
		return criterion{}
	}
	return parse(p)
}

// list parses search-key *(SP search-key).
func (p *searchParser) list() criterion {
	keys := []criterion{p.key()}
	for p.d.Err() == nil && p.d.Try(' ') {
		keys = append(keys, p.key())
	}
	return allOf(keys)
}

// recent is RECENT of RFC 3501 §6.4.4; in IMAP4rev2 nothing is.
func recent(p *searchParser) criterion {
	s := p.s
	return onSnapshot(func(c *candidate) bool { return s.isRecent(c.flags.UID) })
}

func hasFlag(f mail.Flags) func(*searchParser) criterion {
	return func(*searchParser) criterion {
		return onSnapshot(func(c *candidate) bool { return c.flags.Flags&f != 0 })
	}
}

func lacksFlag(f mail.Flags) func(*searchParser) criterion {
	return func(p *searchParser) criterion { return not(hasFlag(f)(p)) }
}

// keyword: its number is looked up when the search runs.
func (p *searchParser) keyword() criterion {
	p.d.SP()
	name, s := p.d.Atom(), p.s
	return onSnapshot(func(c *candidate) bool {
		for _, id := range c.flags.Keywords {
			if equalFold(s.keywordName(id), name) {
				return true
			}
		}
		return false
	})
}

// numbers is a set; it is resolved when the search runs. A number that names
// no message matches nothing.
func (p *searchParser) numbers(uid bool) criterion {
	set := &pendingSet{set: p.d.NumSet(), uid: uid}
	p.args.sets = append(p.args.sets, set)
	return p.narrowing(set.has)
}

type pendingSet struct {
	set   wire.NumSet
	uid   bool
	kept  bool // found stays what it is
	found mail.UIDSet
}

func (p *pendingSet) has(c *candidate) bool {
	if p.uid || p.set.Saved {
		return p.found.Contains(c.flags.UID)
	}
	return p.found.Contains(mail.UID(c.seq))
}

// modSeq parses
//
//	"MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer   ; RFC 7162 §3.1.5
func (p *searchParser) modSeq() criterion {
	p.d.SP()
	if p.d.Peek() == '"' {
		_ = p.d.String() // per-flag mod-sequences are not kept: all flags share one
		p.d.SP()
		switch p.d.Word() {
		case "PRIV", "SHARED", "ALL":
		default:
			p.d.Fail("bad MODSEQ entry type")
		}
		p.d.SP()
	}
	least := mail.ModSeq(p.d.Number64())
	p.args.modseq = true
	return onSnapshot(func(c *candidate) bool { return c.flags.ModSeq >= least })
}

// sent compares the Date field as its sender wrote it; a message without one
// that can be read matches nothing.
func sent(cmp func(day, t time.Time) bool) func(*searchParser) criterion {
	return func(p *searchParser) criterion {
		p.d.SP()
		t := p.d.Date()
		return onRow(costRow, sentColumns, func(ctx context.Context, c *candidate) (bool, error) {
			day, ok, err := c.sentDay(ctx)
			return ok && cmp(day, t), err
		})
	}
}

func dayOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}
