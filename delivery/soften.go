package delivery

import (
	"context"

	"postroom/internal/mail"
)

// soften applies what recipients have allowed to the verdict, and finds whose
// copy goes into Junk. A policy, which the author's domain asks for, yields only
// to a network that is allowed: everything else can be forged. Looks yield to
// every allowed sender, and to whom the account wrote to.
func (m *Incoming) soften(ctx context.Context) error {
	v := &m.verdict
	if v.Refuse == nil && !v.Junk && !v.Suspect {
		return nil
	}
	if mail.Is(v.Refuse, mail.CodeUnavailable) || mail.Is(v.Refuse, mail.CodeBadMessage) {
		return nil
	}
	rules, err := m.d.rules(ctx, m.s.Peer.Addr().Unmap().WithZone(""), m.e.From)
	if err != nil {
		return err
	}
	known, err := m.knownTo(ctx)
	if err != nil {
		return err
	}
	m.junk = map[mail.AccountID]bool{}
	everybody := len(m.route.relay) == 0
	for _, l := range m.route.locals {
		r := pick(rules, l.rcpt.Address.Domain, l.account)
		allowed := r != nil && r.Allow
		network := allowed && r.Network.IsValid()
		everybody = everybody && network
		if v.Junk && !network || v.Suspect && !allowed && !known[l.account] {
			m.junk[l.account] = true
		}
	}
	if everybody {
		v.Refuse = nil
	}
	return nil
}

// knownTo finds the local recipients who once wrote to the sender.
func (m *Incoming) knownTo(ctx context.Context) (map[mail.AccountID]bool, error) {
	out := map[mail.AccountID]bool{}
	if !m.verdict.Suspect || m.e.From.IsNull() {
		return out, nil
	}
	all := make([]mail.AccountID, len(m.route.locals))
	for i, l := range m.route.locals {
		all[i] = l.account
	}
	ids, err := m.d.store.KnownSender(ctx, all, m.e.From)
	for _, id := range ids {
		out[id] = true
	}
	return out, err
}
