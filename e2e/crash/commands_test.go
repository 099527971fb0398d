package crash

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"postroom/e2e/client"
)

// doubt is a command that got no OK, yet: its effect is there or not.
type doubt struct {
	verb   string
	places []place // its messages
	to     string  // where COPY, MOVE and APPEND put them
	floor  uint64  // what was told of the target's UIDNEXT: new UIDs lie at or above
	key    string  // X-Own of APPEND
	done   bool    // it was seen to be done
}

// mostOwned bounds a session's messages.
const mostOwned = 30

var (
	copyUID   = regexp.MustCompile(`\[COPYUID (\d+) ([\d:,]+) ([\d:,]+)\]`)
	appendUID = regexp.MustCompile(`\[APPENDUID \d+ (\d+)\]`)
)

// command runs a random one.
func (s *session) command() error {
	mine := s.some()
	switch n := s.r.IntN(20); {
	case len(mine) == 0 || n == 0:
		if err := s.selectBox(boxes[s.r.IntN(len(boxes))]); err != nil || len(s.own) > 0 {
			return err
		}
		return s.append()
	case n < 5 && len(s.own) < mostOwned:
		return s.append()
	case n < 8 && len(s.own) < mostOwned:
		return s.transfer("COPY", mine)
	case n < 13:
		return s.transfer("MOVE", mine)
	case n < 17:
		return s.flag(mine)
	default:
		return s.expunge(mine)
	}
}

// some gives up to three of the session's messages in the selected mailbox.
func (s *session) some() (out []place) {
	for p := range s.own {
		if p.box == s.box {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b place) int { return int(a.uid) - int(b.uid) })
	first := s.r.IntN(len(out) + 1)
	return out[first:min(len(out), first+1+s.r.IntN(3))]
}

// selectBox selects a mailbox and hears its counters.
func (s *session) selectBox(box string) error {
	before := s.memory.known(box)
	lines, err := s.c.OK("SELECT %s", box)
	if err != nil {
		return err
	}
	s.box = box
	return s.memory.hear(box, before, counters(lines))
}

// append puts a new message into the selected mailbox and reads its EMAILID.
func (s *session) append() error {
	s.next++
	key := fmt.Sprintf("%s-%d", s.name, s.next)
	s.doubt = &doubt{verb: "APPEND", to: s.box, floor: s.memory.known(s.box).uidNext, key: key}
	status, err := s.c.Append(s.box, []byte("X-Own: "+key+"\r\nFrom: <a@example.test>\r\n\r\n"+key+"\r\n"))
	if err != nil {
		return err
	}
	p := place{s.box, numberOf(appendUID, status)}
	if !strings.HasPrefix(status, "OK") || p.uid == 0 {
		return fmt.Errorf("APPEND: %s", status)
	}
	if p.uid < s.doubt.floor {
		return violated("%s: APPEND gave UID %d after UIDNEXT %d was told", p.box, p.uid, s.doubt.floor)
	}
	s.own[p] = &owned{}
	s.settle()
	lines, err := s.c.OK("UID FETCH %d (EMAILID MODSEQ)", p.uid)
	if err != nil {
		return err
	}
	for _, l := range lines {
		if r, ok := readRow(l); ok && r.uid == p.uid {
			return s.adopt(p, r)
		}
	}
	return violated("%s: UID %d of an APPEND that got OK is not there", p.box, p.uid)
}

// settle says that the command in doubt got its OK.
func (s *session) settle() {
	s.done[s.doubt.verb]++
	s.doubt = nil
}

// adopt makes the message at p the session's own as it was read.
func (s *session) adopt(p place, r row) error {
	s.own[p] = &owned{email: r.email, flagged: r.flagged, modseq: r.modseq}
	s.emails[r.email] = true
	return s.memory.meet(p, r.email, r.modseq)
}

// transfer copies or moves messages.
func (s *session) transfer(verb string, mine []place) error {
	to := boxes[s.r.IntN(len(boxes))]
	s.doubt = &doubt{verb: verb, places: mine, to: to, floor: s.memory.known(to).uidNext}
	lines, status, err := s.c.Cmd("UID %s %s %s", verb, set(mine), to)
	if err != nil || !strings.HasPrefix(status, "OK") {
		return fmt.Errorf("%s: %s %w", verb, status, err)
	}
	from, uids := copied(append(lines, client.Line{Text: status}))
	if len(from) != len(mine) || len(uids) != len(mine) {
		return violated("%s of %s from %s to %s got OK with COPYUID of %v to %v", verb, set(mine), s.box, to, from, uids)
	}
	for i, p := range mine {
		if from[i] != p.uid || uids[i] < s.doubt.floor {
			return violated("%s of %s to %s: UID %d became %d; %d was told as UIDNEXT before", verb, set(mine), to, from[i], uids[i], s.doubt.floor)
		}
		o := *s.own[p]
		o.modseq = 0
		if verb == "MOVE" {
			delete(s.own, p)
		}
		s.own[place{to, uids[i]}] = &o
		if err := s.memory.meet(place{to, uids[i]}, o.email, 0); err != nil {
			return err
		}
	}
	s.settle()
	return nil
}

// flag turns \Flagged of the first message, which is a change always: its
// modseq is above all that was told.
func (s *session) flag(mine []place) error {
	p := mine[0]
	o := s.own[p]
	before := s.memory.known(s.box)
	s.doubt = &doubt{verb: "STORE", places: mine[:1]}
	sign := map[bool]string{true: "-", false: "+"}[o.flagged]
	lines, err := s.c.OK("UID STORE %d %sFLAGS (\\Flagged)", p.uid, sign)
	if err != nil {
		return err
	}
	o.flagged = !o.flagged
	s.settle()
	for _, l := range lines {
		if r, ok := readRow(l); ok && r.uid == p.uid {
			if r.modseq <= before.modseq || r.flagged != o.flagged {
				return violated("%s: STORE gave UID %d modseq %d after %d was told: %s", p.box, p.uid, r.modseq, before.modseq, l.Text)
			}
			o.modseq = r.modseq
			return s.memory.meet(p, o.email, r.modseq)
		}
	}
	return violated("%s: no FETCH after STORE of UID %d", p.box, p.uid)
}

// expunge removes messages.
func (s *session) expunge(mine []place) error {
	if _, err := s.c.OK("UID STORE %s +FLAGS.SILENT (\\Deleted)", set(mine)); err != nil {
		return err
	}
	s.doubt = &doubt{verb: "EXPUNGE", places: mine}
	if _, err := s.c.OK("UID EXPUNGE %s", set(mine)); err != nil {
		return err
	}
	for _, p := range mine {
		delete(s.own, p)
	}
	s.settle()
	before := s.memory.known(s.box)
	lines, err := s.c.OK("STATUS %s (UIDNEXT UIDVALIDITY HIGHESTMODSEQ)", s.box)
	if err != nil {
		return err
	}
	return s.memory.hear(s.box, before, counters(lines))
}

func set(places []place) string {
	var out []string
	for _, p := range places {
		out = append(out, strconv.FormatUint(p.uid, 10))
	}
	return strings.Join(out, ",")
}

// copied reads COPYUID.
func copied(lines []client.Line) (from, to []uint64) {
	for _, l := range lines {
		if m := copyUID.FindStringSubmatch(l.Text); m != nil {
			return numbers(m[2]), numbers(m[3])
		}
	}
	return nil, nil
}

func numbers(set string) (out []uint64) {
	for _, part := range strings.Split(set, ",") {
		lo, hi, ranged := strings.Cut(part, ":")
		a, _ := strconv.ParseUint(lo, 10, 32)
		b := a
		if ranged {
			b, _ = strconv.ParseUint(hi, 10, 32)
		}
		for ; a <= b; a++ {
			out = append(out, a)
		}
	}
	return out
}
