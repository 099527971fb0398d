package imapd

import (
	"context"

	"postroom/imapd/wire"
	"postroom/internal/casemap"
	"postroom/internal/mail"
	"postroom/internal/message"
	"postroom/internal/threading"
)

type threadArgs struct {
	searchArgs
	algorithm *threadAlgorithm
}

// threadAlgorithm is a row of the table of algorithms.
type threadAlgorithm struct {
	ancestors bool // it looks at Message-ID, References and In-Reply-To
	begin     func() threader
}

// threader joins messages to threads.
type threader interface {
	Add(*threading.Message)
	Forest() *threading.Forest
}

// threadAlgorithms is that table (RFC 5256 §BASE.6.4.THREAD and, for REFS,
// draft-ietf-morg-inthread-01 §4).
var threadAlgorithms = map[string]*threadAlgorithm{
	"ORDEREDSUBJECT": {false, func() threader { return threading.NewOrderedSubject() }},
	"REFERENCES":     {true, func() threader { return threading.NewReferences() }},
	"REFS":           {true, func() threader { return threading.NewRefs() }},
}

// parseThread parses
//
//	thread     = ["UID" SP] "THREAD" SP thread-alg SP search-criteria
//	thread-alg = "ORDEREDSUBJECT" / "REFERENCES" / thread-alg-ext   ; RFC 5256 §5
func parseThread(s *session, d *wire.Decoder) *threadArgs {
	name := d.Word()
	a := &threadArgs{algorithm: threadAlgorithms[name]}
	if a.algorithm == nil || s.without("THREAD="+name) {
		d.Fail("unknown threading algorithm")
	}
	d.SP()
	a.parseCriteria(s, d)
	return a
}

func runThread(ctx context.Context, s *session, a *threadArgs) (reply, error) {
	return s.thread(ctx, a, false)
}

func runUIDThread(ctx context.Context, s *session, a *threadArgs) (reply, error) {
	s.holdNumbers(&a.searchArgs)
	return s.thread(ctx, a, true)
}

func (s *session) thread(ctx context.Context, a *threadArgs, uid bool) (reply, error) {
	found, err := s.runProgram(ctx, &a.searchArgs)
	if err != nil {
		return reply{}, err
	}
	threads := a.algorithm.begin()
	cols := mail.ColThread | mail.ColEnvelope
	if a.algorithm.ancestors {
		cols |= mail.ColFields | mail.ColUnlisted
	}
	err = s.eachRow(ctx, found, cols, func(i int, r *mail.MessageRow) error {
		m := threadMessage(r)
		m.Number = uint32(found[i].number(uid))
		if a.algorithm.ancestors {
			if err := s.addAncestors(ctx, m, r); err != nil {
				return err
			}
		}
		threads.Add(m)
		return nil
	})
	if err != nil {
		return reply{}, err
	}
	s.writeForest(threads.Forest())
	return reply{}, nil
}

func threadMessage(r *mail.MessageRow) *threading.Message {
	base, reply := baseSubject(r)
	return &threading.Message{Sent: sentDate(r).UnixMicro(), Received: r.Received.UnixMicro(), Subject: casemap.Key(base), Reply: reply}
}

// addAncestors reads the ids of a message. One whose fields are too long to
// stand beside it is looked up in its octets.
func (s *session) addAncestors(ctx context.Context, m *threading.Message, r *mail.MessageRow) error {
	fields := r.Fields
	if len(fields) == 0 {
		header, err := (&body{s: s, row: r}).fullHeader(ctx)
		if err != nil {
			return err
		}
		fields = header
	}
	m.ID = message.NormalMsgID(r.MessageIDField)
	m.References = message.References(fields)
	return nil
}

// writeForest writes
//
//	thread-data = "THREAD" [SP 1*thread-list]   ; RFC 5256 §5
func (s *session) writeForest(f *threading.Forest) {
	s.enc.Raw("* THREAD")
	if len(f.Roots) > 0 {
		s.enc.Raw(" ")
	}
	for _, n := range f.Roots {
		s.writeThread(f, n)
	}
	s.enc.CRLF()
}

// writeThread writes
//
//	thread-list    = "(" (thread-members / thread-nested) ")"
//	thread-members = nz-number *(SP nz-number) [SP thread-nested]
//	thread-nested  = 2*thread-list
func (s *session) writeThread(f *threading.Forest, n int32) {
	s.enc.Raw("(")
	if number, ok := f.Number(n); ok { // else a dummy, which only the top has
		s.enc.Number(uint64(number))
		for only, one := f.Only(n); one; only, one = f.Only(n) {
			n = only
			number, _ = f.Number(n)
			s.enc.Raw(" ").Number(uint64(number))
		}
		if !f.Leaf(n) {
			s.enc.Raw(" ")
		}
	}
	for c := range f.Children(n) {
		s.writeThread(f, c)
	}
	s.enc.Raw(")")
}
