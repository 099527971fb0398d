package delivery

import (
	"context"
	"io"

	"postroom/delivery/dsn"
	"postroom/internal/mail"
	"postroom/internal/message"
	"postroom/internal/spool"
)

// Report makes the delivery of a DSN: reverse-path null, routed like any mail,
// ready for the transaction that settles what it tells of. The delivery is nil
// when the sender is gone: nobody is there to tell. discard frees the spool
// once the delivery was written.
func (d *Delivery) Report(ctx context.Context, r *dsn.Report) (del *mail.Delivery, discard func(), err error) {
	discard = func() {}
	if r.To.IsNull() {
		return nil, discard, nil
	}
	if r.To, err = d.origin(ctx, r.To); err != nil {
		return nil, discard, err
	}
	res, err := d.store.ResolveRecipient(ctx, r.To)
	if err != nil {
		return nil, discard, err
	}
	rcpt := mail.Recipient{Address: r.To, Notify: mail.NotifyNever} // RFC 3461 §6.1
	var to route
	to.add(rcpt, res)
	if res.Kind != mail.ResolvedNotOurs && len(to.locals)+len(to.relay) == 0 {
		d.log.WarnContext(ctx, "no DSN: the sender is not there any more", "id", r.Original, "to", r.To.String())
		return nil, discard, nil
	}
	r.Trace = mail.TraceID(d.store.NewID())
	return d.own(to, r.Trace, "DSN ("+string(r.Kind)+") for "+r.Original.String(), r.To.String(), r.NeedsUTF8(), r.Write)
}

// own makes the delivery of a message that is made here, with the null
// reverse-path: only its accepted event says what it is, and (may be "") whom
// it is for.
func (d *Delivery) own(to route, trace mail.TraceID, what, rcpt string, utf8 bool, write func(io.Writer) error) (*mail.Delivery, func(), error) {
	w := d.spool.Begin(nil, 0)
	err := write(w)
	var msg *spool.Message
	if err == nil {
		msg, err = w.Finish()
	}
	if err != nil {
		w.Discard()
		return nil, func() {}, err
	}
	at := d.cfg.Now()
	ours := d.localReceived(trace, at)
	del := &mail.Delivery{Trace: trace, Content: msg, Summary: msg.Summary, Relay: to.relay,
		Events: []mail.Event{{Trace: trace, At: at, Kind: mail.EventAccepted, Recipient: rcpt, Text: what}}}
	for _, l := range to.locals {
		del.Locals = append(del.Locals, mail.LocalDelivery{Account: l.account, Received: at, Recipient: l.address,
			Prefix: []byte(returnPath(mail.Address{}) + d.deliveredTo(l.address) + ours)})
	}
	if len(to.relay) > 0 {
		del.Outbound = mail.Outbound{Prefix: []byte(ours), UTF8: utf8, Body8Bit: true, Expires: at.Add(d.cfg.QueueLifetime)}
	}
	return del, msg.Discard, nil
}

// reportDelivered answers NOTIFY=SUCCESS for those whose mail was filed here
// (RFC 3461 §6.2). It comes after the commit: a crash in between loses the
// report, never the message.
func (m *Incoming) reportDelivered(ctx context.Context) {
	if m.e.From.IsNull() {
		return
	}
	r := &dsn.Report{Kind: dsn.Delivered, Hostname: m.d.cfg.Hostname, Date: m.at, To: m.e.From, Original: m.trace, EnvID: m.e.EnvID,
		Arrived: m.at, UTF8: m.e.UTF8 && m.header8, Header: message.AppendFields(nil, m.head, nil, true)}
	r.Header = r.Header[:len(r.Header)-2] // without the empty line
	r.MessageID = m.msg.Summary.MessageID
	told := map[mail.Address]bool{}
	for _, l := range m.route.locals {
		if l.rcpt.Notify&mail.NotifySuccess != 0 && !told[l.rcpt.Address] {
			told[l.rcpt.Address] = true
			r.Recipients = append(r.Recipients, dsn.Recipient{Address: l.rcpt.Address, ORcpt: l.rcpt.ORcpt, LastAttempt: m.at,
				Reply: mail.RemoteReply{Status: "2.0.0"}})
		}
	}
	if len(r.Recipients) == 0 {
		return
	}
	del, discard, err := m.d.Report(ctx, r)
	defer discard()
	if err == nil && del != nil {
		_, err = m.d.store.Deliver(ctx, del)
	}
	if err != nil {
		m.d.log.WarnContext(ctx, "success DSN not sent", "id", m.trace, "error", err)
	}
}
