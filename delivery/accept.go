package delivery

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"postroom/internal/mail"
)

// Commit makes the message durable: one store.Deliver holds the local copies,
// the queue entries, the events and what recognises a retry. Only after its
// commit may 250 be said.
func (m *Incoming) Commit(ctx context.Context) (mail.Delivered, error) {
	defer m.Discard()
	if !m.judged {
		m.judge()
	}
	if m.err != nil {
		return mail.Delivered{}, m.rejected(ctx, m.err)
	}
	msg, err := m.w.Finish()
	if err != nil {
		return mail.Delivered{}, m.refused(ctx, err)
	}
	m.msg = msg
	if err := m.decide(ctx); err != nil {
		return mail.Delivered{}, m.rejected(ctx, err)
	}
	del, err := m.delivery(ctx)
	if err != nil {
		return mail.Delivered{}, m.refused(ctx, err)
	}
	out, err := m.d.store.Deliver(ctx, del)
	switch {
	case mail.Is(err, mail.CodeOverQuota):
		err = m.d.overQuota()
	case mail.Is(err, mail.CodeSendLimit):
		err = m.d.refusal(ctx, m.s, m.e, m.trace, "", err)
	}
	if err != nil {
		return mail.Delivered{}, m.refused(ctx, err)
	}
	m.log(ctx, out)
	if !out.Duplicate {
		if len(m.junk) > 0 {
			m.noteReject(mail.RejectJunked, m.verdict.Why)
		}
		m.reportDelivered(ctx)
		m.readReport(ctx)
	}
	return out, nil
}

// decide ends the checks with a verdict.
func (m *Incoming) decide(ctx context.Context) (err error) {
	if m.checks == nil {
		return nil
	}
	found := m.checks.finish(ctx)
	if m.verdict, err = m.d.judgeEvidence(ctx, m.e, found); err != nil {
		return err
	}
	if err := m.soften(ctx); err != nil {
		return err
	}
	m.checked = "; " + found.summary()
	return m.verdict.Refuse
}

// delivery puts together what the message changes.
func (m *Incoming) delivery(ctx context.Context) (*mail.Delivery, error) {
	signature, err := m.sign(ctx)
	if err != nil {
		return nil, err
	}
	ours := m.results(m.e.UTF8) + m.d.receivedField(m.s, m.e, m.trace, m.at, m.e.UTF8) + signature + m.added
	del := &mail.Delivery{
		Trace: m.trace, Content: m.msg, Summary: m.msg.Summary, Relay: m.route.relay, Sending: m.sending.count,
		Events: []mail.Event{{Trace: m.trace, At: m.at, Kind: mail.EventAccepted, Account: m.s.Account,
			Peer: m.peer(), Text: fmt.Sprintf("from <%s>, %d octets, %s%s", m.e.From, m.msg.Summary.Size, m.s.With(m.e.UTF8), m.checked)}},
	}
	for _, e := range m.dropped {
		e.At = m.at
		del.Events = append(del.Events, e)
	}
	if m.named {
		del.Fingerprint = fingerprint(m.s, m.e, m.msg.Summary.Hash)
	}
	del.Locals = m.locals(ours)
	if len(m.route.relay) > 0 {
		if del.Outbound, err = m.outbound(ctx, signature+m.added); err != nil {
			return nil, err
		}
		del.Events[0].Text += m.leaving(del.Outbound.From)
	}
	return del, nil
}

// locals are the copies filed here. What a held account sends is doubted by its
// own house, too.
func (m *Incoming) locals(ours string) []mail.LocalDelivery {
	why := m.verdict.Why
	if m.sending.held {
		why = m.sending.why
	}
	out := make([]mail.LocalDelivery, len(m.route.locals))
	for i, l := range m.route.locals {
		out[i] = mail.LocalDelivery{Account: l.account, Received: m.at, Recipient: l.rcpt.Address, Why: why,
			Junk: m.junk[l.account] || m.sending.held, Prefix: []byte(returnPath(m.e.From) + m.d.deliveredTo(l.address) + ours)}
	}
	return out
}

// outbound is what the queue entries share. SMTPUTF8 is asked of the next hop
// only where header or reverse-path need it (RFC 6531 §3.6), whatever the
// client asked for.
func (m *Incoming) outbound(ctx context.Context, fields string) (mail.Outbound, error) {
	from, err := m.leavesAs(ctx)
	if err != nil {
		return mail.Outbound{}, err
	}
	needsUTF8 := m.e.UTF8 && (m.header8 || !m.e.From.IsASCII())
	results := m.results(needsUTF8)
	ours := results + m.d.receivedField(m.s, m.e, m.trace, m.at, needsUTF8) + fields
	var prefix strings.Builder
	for _, f := range m.route.forwards {
		if needsUTF8 || f.IsASCII() {
			prefix.WriteString(m.d.deliveredTo(f))
		}
	}
	prefix.WriteString(ours)
	set := m.seal(ctx, prefix.String(), results)
	return mail.Outbound{
		From: from, Account: m.s.Account, Prefix: []byte(set + prefix.String()),
		Ret: m.e.Ret, EnvID: m.e.EnvID, UTF8: needsUTF8, Body8Bit: m.body8,
		Expires: m.at.Add(m.d.cfg.QueueLifetime),
		Held:    m.sending.held, Wait: m.sending.wait, Step: m.sending.step, Why: m.sending.why,
	}, nil
}

// sign gives the DKIM-Signature fields of a submission, by the domain of its
// From field, so that DMARC sees them aligned.
func (m *Incoming) sign(ctx context.Context) (string, error) {
	if m.s.Role != mail.RoleSubmission || m.d.signer == nil {
		return "", nil
	}
	keys, err := m.d.signer.SigningKeys(ctx, m.from.Domain)
	if err != nil || len(keys) == 0 {
		return "", err
	}
	body, err := m.msg.Open()
	if err != nil {
		return "", err
	}
	defer body.Close()
	whole := []io.Reader{strings.NewReader(m.added), body}
	if !m.ended { // a header alone: the signer wants its empty line
		whole = append(whole, strings.NewReader("\r\n"))
	}
	header := append([]byte(m.added), m.head...)
	out, err := sign(keys, m.from.Domain, bytes.TrimSuffix(header, []byte("\r\n")), io.MultiReader(whole...))
	if err != nil {
		return "", mail.Wrap(mail.CodeUnavailable, err, "the message cannot be signed now")
	}
	return out, nil
}

func (m *Incoming) peer() string { return peerOf(m.s) }

// log is for debugging: the protocol room writes the one line of the event.
func (m *Incoming) log(ctx context.Context, out mail.Delivered) {
	m.d.log.DebugContext(ctx, "delivered", "id", out.Trace.String(), "peer", m.peer(), "account", m.s.Login, "from", m.e.From.String(),
		"recipients", len(m.e.Recipients), "local", len(m.route.locals), "relay", len(m.route.relay),
		"size", m.msg.Summary.Size, "duplicate", out.Duplicate)
}

// rejected is refused, and noted for the Rejects of the recipients where the
// sender will not come again.
func (m *Incoming) rejected(ctx context.Context, err error) error {
	if !temporary(err) {
		m.noteReject(mail.RejectRefused, mail.TextOf(err))
	}
	return m.refused(ctx, err)
}

func (m *Incoming) refused(ctx context.Context, err error) error {
	m.d.log.DebugContext(ctx, "refused", "id", m.trace.String(), "peer", m.peer(), "account", m.s.Login, "from", m.e.From.String(), "error", err)
	return err
}

// Accept takes one whole message from r through the same walk as SMTP: every
// recipient is checked, then the octets. Line ends must be CRLF.
func (d *Delivery) Accept(ctx context.Context, s *mail.Session, e *mail.Envelope, r io.Reader) (mail.Delivered, error) {
	m, err := d.Begin(ctx, s, e)
	if err != nil {
		return mail.Delivered{}, err
	}
	if _, err := io.Copy(m, r); err != nil {
		m.Discard()
		return mail.Delivered{}, mail.Wrap(mail.CodeUnavailable, err, "the message cannot be read")
	}
	return m.Commit(ctx)
}
