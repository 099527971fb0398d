package imapd

import (
	"bytes"
	"context"
	"errors"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// ahead is what was read for commands of a pipeline that wait behind the
// running one (RFC 9051 §5.5): equal STATUS or FETCH commands share one
// statement. Only reading runs ahead. Each command still runs in its turn, by
// the view of its turn, so no answer and no sequence number depends on it.
type ahead struct {
	left     int // commands that it was read for
	statuses map[string]mail.MailboxStatus
	cols     mail.Columns
	rows     map[mail.UID]*mail.MessageRow
}

const (
	// aheadCommands and aheadMessages bound what is looked at, aheadBytes what
	// is held of messages.
	aheadCommands = 256
	aheadMessages = 256
	aheadBytes    = 1 << 20
)

// turn drops what is held once all commands that it was read for had their turn:
// what comes later asks for what is then.
func (a *ahead) turn() {
	if a.left == 0 {
		*a = ahead{}
		return
	}
	a.left--
}

// following calls fn with commands of these names that have arrived, until one
// is another or fn has enough, and gives how many fn took.
func (s *session) following(fn func(name string, d *wire.Decoder) bool, names ...string) (n int) {
	for line := range s.in.Ahead() {
		d := wire.NewDecoder(bytes.Clone(line), nil)
		d.UTF8 = true
		_, name := commandName(d)
		d.SP()
		if n >= aheadCommands || d.Err() != nil || name != names[0] && name != names[len(names)-1] || !fn(name, d) {
			break
		}
		n++
	}
	return n
}

// statusAhead finds an own mailbox, together with those of the STATUS commands
// that follow; not ok: look it up alone.
func (s *session) statusAhead(ctx context.Context, name string) (p place, ok bool, err error) {
	if isOther(name) {
		return p, false, nil
	}
	if s.ahead.statuses == nil {
		names := []string{name}
		s.ahead.left = s.following(func(_ string, d *wire.Decoder) bool {
			a := parseStatus(s, d)
			names = append(names, a.name)
			return d.Err() == nil && !isOther(a.name)
		}, "STATUS")
		if s.ahead.left == 0 {
			return p, false, nil
		}
		if s.ahead.statuses, err = s.srv.Store.MailboxesByName(ctx, s.identity.Account, names); err != nil {
			return p, false, err
		}
	}
	st, ok := s.ahead.statuses[name]
	return place{box: st.Mailbox, state: st.MailboxState, name: name, rights: mail.AllRights}, ok, nil
}

// fetchAhead reads rows as the store's FetchMessages does, of few messages
// together with those of the FETCH commands that follow.
func (s *session) fetchAhead(ctx context.Context, uids mail.UIDSet, cols mail.Columns, fn func(*mail.MessageRow) error) error {
	if uids.Len() <= aheadMessages && s.ahead.left == 0 {
		if err := s.readAhead(ctx, uids, cols); err != nil {
			return err
		}
	}
	if s.ahead.cols == cols && uids.Len() <= aheadMessages {
		for len(uids) > 0 {
			r := s.ahead.rows[uids[0].Lo]
			if r == nil {
				break
			}
			if now, ok := s.sel.view.Row(r.UID); ok && now.ModSeq > r.ModSeq {
				r.MessageFlags = now // another session changed them since
			}
			if err := fn(r); err != nil {
				return err
			}
			_, uids = cut(uids, 1)
		}
	}
	if len(uids) == 0 {
		return nil
	}
	return s.fetchNow(ctx, uids, cols, fn)
}

func (s *session) fetchNow(ctx context.Context, uids mail.UIDSet, cols mail.Columns, fn func(*mail.MessageRow) error) error {
	return s.srv.Store.FetchMessages(ctx, s.sel.mailbox.Account, s.sel.mailbox.ID, uids, cols, fn)
}

var errEnough = errors.New("enough")

// readAhead reads the rows of uids and of the FETCH commands that follow and
// read the same columns.
func (s *session) readAhead(ctx context.Context, uids mail.UIDSet, cols mail.Columns) error {
	all := uids
	n := s.following(func(name string, d *wire.Decoder) bool {
		a := parseFetch(s, d)
		if d.Err() != nil || a.changedSince != nil || a.partial != nil || a.set.Saved {
			return false
		}
		next, err := s.resolve(a.set, name != "FETCH")
		f := newFetch(s, a)
		if err != nil || f.seen || f.cols != cols || !f.rows || all.Len()+next.Len() > aheadMessages {
			return false
		}
		all = all.Union(next)
		return true
	}, "FETCH", "UID FETCH")
	if n == 0 {
		return nil
	}
	s.ahead = ahead{left: n, cols: cols, rows: map[mail.UID]*mail.MessageRow{}}
	held := 0
	err := s.srv.Store.FetchMessages(ctx, s.sel.mailbox.Account, s.sel.mailbox.ID, all, cols, func(r *mail.MessageRow) error {
		if held += rowOctets(r); held > aheadBytes {
			return errEnough
		}
		s.ahead.rows[r.UID] = cloneRow(r)
		return nil
	})
	if err == errEnough {
		return nil
	}
	return err
}

func rowOctets(r *mail.MessageRow) int {
	return 512 + len(r.Prefix) + len(r.Octets) + len(r.Fields) + len(r.Envelope) + len(r.BodyStructure) + len(r.Parts) + len(r.Preview)
}

// cloneRow copies a row that is about to go.
func cloneRow(r *mail.MessageRow) *mail.MessageRow {
	c := *r
	c.Keywords = append([]int16(nil), r.Keywords...)
	for _, b := range []*[]byte{&c.Prefix, &c.Octets, &c.Fields, &c.Envelope, &c.BodyStructure, &c.Parts} {
		*b = bytes.Clone(*b)
	}
	return &c
}
