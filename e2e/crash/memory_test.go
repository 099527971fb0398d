package crash

import (
	"fmt"
	"regexp"
	"strconv"
	"sync"

	"postroom/e2e/client"
)

// violation is what no crash excuses; other errors are those of a connection.
type violation struct{ text string }

func (v violation) Error() string { return v.text }

func violated(format string, args ...any) error { return violation{fmt.Sprintf(format, args...)} }

// told is what a client was told of a mailbox by commands that got OK.
type told struct {
	validity uint64
	uidNext  uint64
	modseq   uint64 // HIGHESTMODSEQ
}

// memory is what all sessions of an account were told. An answer is held
// against what was known when its command was sent: what another session hears
// meanwhile may be newer.
type memory struct {
	mu     sync.Mutex
	boxes  map[string]told
	emails map[place]string
}

// place is where a message is, or was: no other message may ever be there.
type place struct {
	box string
	uid uint64
}

func newMemory() *memory { return &memory{boxes: map[string]told{}, emails: map[place]string{}} }

// known gives what was told of a mailbox so far.
func (m *memory) known(box string) told {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.boxes[box]
}

// hear adds now, which was told by a command sent when before was known.
func (m *memory) hear(box string, before, now told) error {
	switch {
	case before.validity != 0 && now.validity != 0 && now.validity != before.validity:
		return violated("%s: UIDVALIDITY was %d and is %d", box, before.validity, now.validity)
	case now.uidNext < before.uidNext:
		return violated("%s: UIDNEXT was %d and is %d", box, before.uidNext, now.uidNext)
	case now.modseq < before.modseq:
		return violated("%s: HIGHESTMODSEQ was %d and is %d", box, before.modseq, now.modseq)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.boxes[box]
	m.boxes[box] = told{max(k.validity, now.validity), max(k.uidNext, now.uidNext), max(k.modseq, now.modseq)}
	return nil
}

// meet says that a message is at p, with a modseq.
func (m *memory) meet(p place, email string, modseq uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if was, ok := m.emails[p]; ok && was != email {
		return violated("%s: UID %d was message %s and is %s", p.box, p.uid, was, email)
	}
	m.emails[p] = email
	k := m.boxes[p.box]
	m.boxes[p.box] = told{k.validity, max(k.uidNext, p.uid+1), max(k.modseq, modseq)}
	return nil
}

var (
	counter  = regexp.MustCompile(`(UIDVALIDITY|UIDNEXT|HIGHESTMODSEQ) (\d+)`)
	uidItem  = regexp.MustCompile(`\bUID (\d+)`)
	mailItem = regexp.MustCompile(`EMAILID \(([^)]+)\)`)
	seqItem  = regexp.MustCompile(`MODSEQ \((\d+)\)`)
)

// counters reads an answer to SELECT or STATUS.
func counters(lines []client.Line) (out told) {
	for _, l := range lines {
		for _, m := range counter.FindAllStringSubmatch(l.Text, -1) {
			n, _ := strconv.ParseUint(m[2], 10, 64)
			switch m[1] {
			case "UIDVALIDITY":
				out.validity = n
			case "UIDNEXT":
				out.uidNext = n
			default:
				out.modseq = n
			}
		}
	}
	return out
}

// numberOf gives what re finds in s; 0 for nothing.
func numberOf(re *regexp.Regexp, s string) uint64 {
	m := re.FindStringSubmatch(s)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseUint(m[1], 10, 64)
	return n
}
