package delivery

import (
	"bytes"
	"context"
	"time"

	"postroom/internal/authres"
	"postroom/internal/mail"
	"postroom/internal/message"
	"postroom/internal/spool"
)

// maxHeader is how much of a header is looked at before the body is streamed:
// as much as internal/message reads.
const maxHeader = message.MaxHeader

// Incoming is one message on its way in. The header is kept until it is whole
// and judged; everything is streamed into the spool. A defect is remembered
// and told at Commit, so that the sender's octets are read to their end.
type Incoming struct {
	d       *Delivery
	ctx     context.Context // of the transaction: for look-ups while writing
	s       *mail.Session
	e       *mail.Envelope
	route   route
	trace   mail.TraceID
	at      time.Time
	sending sending
	dropped []mail.Event // of recipients that it is not forwarded to

	checks  *inspection // nil: none are made
	verdict Verdict
	junk    map[mail.AccountID]bool // whose copy goes into Junk
	checked string                  // the same for the timeline

	head    []byte // until judged; then as the spool got it
	ended   bool   // the empty line came
	judged  bool
	added   string       // completed fields (submission)
	from    mail.Address // of the From field (submission)
	named   bool         // has a Message-ID of the sender's own
	body8   bool
	header8 bool

	w   *spool.Writer
	msg *spool.Message
	err error
}

// Begin opens a message at DATA or the first BDAT.
func (d *Delivery) Begin(ctx context.Context, s *mail.Session, e *mail.Envelope) (*Incoming, error) {
	if err := d.CheckSender(ctx, s, e); err != nil {
		return nil, err
	}
	r, err := d.routeAll(ctx, s, e)
	if err != nil {
		return nil, err
	}
	dropped, err := d.dropSuppressed(ctx, s, e, &r)
	if err != nil {
		return nil, err
	}
	m := &Incoming{d: d, ctx: ctx, s: s, e: e, route: r, dropped: dropped, trace: mail.TraceID(d.store.NewID()), at: d.cfg.Now()}
	switch {
	case receives(s):
		d.countMessage(s, e.From)
	case mayRelay(s):
		if m.sending, err = d.judgeSending(ctx, m); err != nil {
			return nil, err
		}
	}
	m.checks = d.inspect(ctx, s, e)
	return m, nil
}

// Write takes octets as received. It never fails before Commit does.
func (m *Incoming) Write(p []byte) (int, error) {
	n := len(p)
	if m.err != nil {
		return n, nil
	}
	if !m.judged {
		p = m.collect(p)
		if !m.judged {
			return n, nil
		}
	}
	m.putBody(p)
	return n, nil
}

// collect gathers the header; what is left of p belongs to the body.
func (m *Incoming) collect(p []byte) []byte {
	from := max(0, len(m.head)-3) // the empty line may lie across writes
	m.head = append(m.head, p...)
	end := -1
	if bytes.HasPrefix(m.head, []byte("\r\n")) {
		end = 2
	} else if i := bytes.Index(m.head[from:], []byte("\r\n\r\n")); i >= 0 {
		end = from + i + 4
	}
	switch {
	case end >= 0:
		m.ended = true
		rest := m.head[end:]
		m.head = m.head[:end:end]
		m.judge()
		return rest
	case len(m.head) > maxHeader:
		m.judge()
	}
	return nil
}

// judge looks at the header and opens the spool.
func (m *Incoming) judge() {
	m.judged = true
	m.named = message.HasField(m.head, "Message-ID")
	if m.s.Role == mail.RoleSubmission {
		m.err = m.judgeSubmission()
	} else {
		m.err = m.d.checkLoop(m.head, &m.route)
	}
	if m.err != nil {
		return
	}
	if m.checks != nil {
		m.checks.header(m.head, m.ended, m.seals())
		m.head = authres.Remove(m.head, m.d.cfg.Hostname)
	}
	m.header8 = has8bit(m.head)
	m.w = m.d.spool.Begin([]byte(m.added), m.d.cfg.MaxSize)
	m.put(m.head)
}

func (m *Incoming) judgeSubmission() error {
	if len(m.head) > maxHeader {
		return mail.Errorf(mail.CodeBadMessage, "the header is larger than %d octets", maxHeader)
	}
	sub, err := m.d.submit(m.ctx, m.s, m.e.From, m.head, m.trace, m.at)
	m.head, m.added, m.from = sub.header, sub.added, sub.from
	return err
}

// putBody takes octets that stand behind the empty line.
func (m *Incoming) putBody(p []byte) {
	if m.checks != nil && m.err == nil {
		m.checks.Write(p)
	}
	m.put(p)
}

func (m *Incoming) put(p []byte) {
	if m.err != nil || len(p) == 0 {
		return
	}
	m.body8 = m.body8 || has8bit(p)
	_, m.err = m.w.Write(p)
	if m.d.cfg.Hook != nil {
		m.d.cfg.Hook("delivery:data")
	}
}

func has8bit(p []byte) bool {
	for _, c := range p {
		if c >= 0x80 {
			return true
		}
	}
	return false
}

// Discard drops what was spooled.
func (m *Incoming) Discard() {
	if m.checks != nil {
		m.checks.cancel()
	}
	switch {
	case m.msg != nil:
		m.msg.Discard()
	case m.w != nil:
		m.w.Discard()
	}
	m.msg, m.w = nil, nil
}
