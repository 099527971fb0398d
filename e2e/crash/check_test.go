package crash

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"postroom/e2e/client"
)

// row is a message as FETCH shows it.
type row struct {
	uid     uint64
	email   string
	modseq  uint64
	flagged bool
}

func readRow(l client.Line) (row, bool) {
	r := row{uid: numberOf(uidItem, l.Text), modseq: numberOf(seqItem, l.Text), flagged: strings.Contains(l.Text, `\Flagged`)}
	if m := mailItem.FindStringSubmatch(l.Text); m != nil {
		r.email = m[1]
	}
	return r, strings.Contains(l.Text, " FETCH (") && r.uid != 0
}

// check compares every mailbox with the memory, and finds out what became of
// the command in doubt.
func (s *session) check() error {
	if err := s.findAppended(); err != nil {
		return err
	}
	found, err := s.read()
	for err == nil && s.doubt != nil {
		// What a killed server had sent to PostgreSQL may still be on its way.
		var again map[place]row
		if again, err = s.read(); err == nil && maps.Equal(found, again) {
			break
		}
		found = again
	}
	if err == nil {
		err = s.compare(found)
	}
	if err == nil {
		s.done["check"]++
	}
	return err
}

// read gives the session's messages of all mailboxes, and looks at everybody's.
func (s *session) read() (map[place]row, error) {
	out := map[place]row{}
	for _, box := range boxes {
		if err := s.selectBox(box); err != nil {
			return nil, err
		}
		lines, err := s.c.OK("UID FETCH 1:* (EMAILID FLAGS MODSEQ)")
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			r, ok := readRow(l)
			if !ok || r.email == "" { // flags that another session changed
				continue
			}
			p := place{box, r.uid}
			if err := s.memory.meet(p, r.email, r.modseq); err != nil {
				return nil, err
			}
			if s.own[p] != nil || s.emails[r.email] {
				out[p] = r
			}
		}
	}
	return out, nil
}

// findAppended looks for the message of an APPEND in doubt.
func (s *session) findAppended() error {
	d := s.doubt
	if d == nil || d.verb != "APPEND" {
		return nil
	}
	if err := s.selectBox(d.to); err != nil {
		return err
	}
	lines, err := s.c.OK("UID FETCH %d:* (EMAILID FLAGS MODSEQ BODY.PEEK[HEADER.FIELDS (X-Own)])", max(1, d.floor))
	if err != nil {
		return err
	}
	n := 0
	for _, l := range lines {
		r, ok := readRow(l)
		if !ok || len(l.Literals) != 1 || strings.TrimSpace(string(l.Literals[0])) != "X-Own: "+d.key {
			continue
		}
		if n++; n > 1 || r.uid < d.floor {
			return violated("%s: APPEND without an answer is there as UID %d, number %d; UIDNEXT was %d", d.to, r.uid, n, d.floor)
		}
		if err := s.adopt(place{d.to, r.uid}, r); err != nil {
			return err
		}
	}
	s.resolved(n > 0)
	return nil
}

// resolved ends a doubt.
func (s *session) resolved(done bool) {
	s.done[fmt.Sprintf("%s in doubt, done: %v", s.doubt.verb, done)]++
	s.doubt = nil
}

// compare holds what was found against what the session knows to be there.
func (s *session) compare(found map[place]row) error {
	d := s.doubt
	if d == nil {
		d = &doubt{}
	}
	var missing, more []place
	for p, o := range s.own {
		r, there := found[p]
		if !there {
			missing = append(missing, p)
			continue
		}
		switch {
		case o.email != "" && r.email != o.email:
			return violated("%s: UID %d was message %s and is %s", p.box, p.uid, o.email, r.email)
		case r.modseq < o.modseq:
			return violated("%s: UID %d had modseq %d and has %d", p.box, p.uid, o.modseq, r.modseq)
		case r.flagged != o.flagged && (d.verb != "STORE" || p != d.places[0]):
			return violated("%s: UID %d has \\Flagged: %v, STORE said otherwise", p.box, p.uid, r.flagged)
		}
		d.done = d.done || r.flagged != o.flagged
		if err := s.adopt(p, r); err != nil {
			return err
		}
	}
	for p := range found {
		if s.own[p] == nil {
			more = append(more, p)
		}
	}
	return s.explain(d, found, missing, more)
}

// explain says whether the command in doubt, done or not, is why messages are
// missing at their old place and there at another.
func (s *session) explain(d *doubt, found map[place]row, missing, more []place) error {
	var gone, came []string
	for _, p := range missing {
		if !slices.Contains(d.places, p) || d.verb != "MOVE" && d.verb != "EXPUNGE" {
			return violated("%s: UID %d, message %s, is not there (in doubt: %+v)", p.box, p.uid, s.own[p].email, d)
		}
		gone = append(gone, s.own[p].email)
	}
	for _, p := range more {
		if p.box != d.to || p.uid < d.floor {
			return violated("%s: message %s is there as UID %d, nobody put it there (in doubt: %+v)", p.box, found[p].email, p.uid, d)
		}
		came = append(came, found[p].email)
	}
	want := gone
	switch {
	case d.verb == "EXPUNGE":
		want = nil
	case d.verb == "COPY" && len(more) > 0: // all or none
		for _, p := range d.places {
			want = append(want, s.own[p].email)
		}
	}
	slices.Sort(want)
	slices.Sort(came)
	if !slices.Equal(want, came) {
		return violated("%s to %s without an answer: %v left, %v came", d.verb, d.to, gone, came)
	}
	for _, p := range missing {
		delete(s.own, p)
	}
	for _, p := range more {
		if err := s.adopt(p, found[p]); err != nil {
			return err
		}
	}
	if s.doubt != nil {
		s.resolved(d.done || len(missing)+len(more) > 0)
	}
	return nil
}
