package delivery

import (
	"context"
	"strings"

	"postroom/internal/mail"
)

// route is where the recipients of one message lead.
type route struct {
	locals []localTarget
	relay  []mail.Recipient // each address once
	// forwards are our own addresses that lead outside: their Delivered-To
	// goes with the message, so that it is known when it comes back.
	forwards []mail.Address
}

type localTarget struct {
	account mail.AccountID
	address mail.Address // that led here: for Delivered-To
	rcpt    mail.Recipient
}

// routeAll resolves all recipients again, or from what RCPT just found.
func (d *Delivery) routeAll(ctx context.Context, s *mail.Session, e *mail.Envelope) (route, error) {
	var r route
	for _, rcpt := range e.Recipients {
		res, ok := d.recent.take(recentKey{s.Peer, rcpt.Address}, d.cfg.Now())
		if !ok {
			var err error
			if res, err = d.lead(ctx, e, rcpt.Address); err != nil {
				return r, err
			}
		}
		if err := d.judge(s, res, rcpt.Address, 0); err != nil {
			return r, err
		}
		r.add(rcpt, res)
	}
	return r, nil
}

// resolve asks the store; postmaster and abuse of the host's own name arrive
// also where that is no mail domain (RFC 5321 §4.5.1). smtpd makes the bare
// <postmaster> such an address.
func (d *Delivery) resolve(ctx context.Context, a mail.Address) (mail.Resolution, error) {
	res, err := d.store.ResolveRecipient(ctx, a)
	if err != nil || res.Kind != mail.ResolvedNotOurs || !strings.EqualFold(a.Domain, d.cfg.Hostname) {
		return res, err
	}
	if local := strings.ToLower(a.Local); local != "postmaster" && local != "abuse" {
		return res, nil
	}
	bare, err := d.store.ResolveRecipient(ctx, mail.Address{Local: a.Local})
	if err != nil || len(bare.Accounts)+len(bare.Remote) == 0 {
		return res, err
	}
	return bare, nil
}

func (r *route) add(rcpt mail.Recipient, res mail.Resolution) {
	if res.Kind == mail.ResolvedNotOurs {
		r.addRelay(rcpt)
		return
	}
	for _, t := range res.Accounts {
		r.addLocal(localTarget{t.Account, t.Address, rcpt})
	}
	if len(res.Remote) > 0 {
		r.forwards = append(r.forwards, rcpt.Address)
	}
	for _, a := range res.Remote {
		f := rcpt
		f.Address = a
		if f.ORcpt == "" && rcpt.Address.IsASCII() {
			f.ORcpt = "rfc822;" + rcpt.Address.String() // RFC 3461 §5.2.7.1
		}
		r.addRelay(f)
	}
}

// addLocal files one copy per account, whichever addresses led there.
func (r *route) addLocal(t localTarget) {
	for _, have := range r.locals {
		if have.account == t.account {
			return
		}
	}
	r.locals = append(r.locals, t)
}

func (r *route) addRelay(rcpt mail.Recipient) {
	for _, have := range r.relay {
		if have.Address == rcpt.Address {
			return
		}
	}
	r.relay = append(r.relay, rcpt)
}
