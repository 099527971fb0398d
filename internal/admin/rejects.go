package admin

import (
	"context"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// Reject is a line of an account's Rejects, as it is shown.
type Reject struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"` // of the last one
	Count   int       `json:"count"`
	Action  string    `json:"action"` // refused, junked or greylisted
	Sender  string    `json:"sender"` // reverse-path; "" is <>
	Network string    `json:"network,omitempty"`
	From    string    `json:"from,omitempty"`
	Subject string    `json:"subject,omitempty"`
	Reason  string    `json:"reason"`
	QueueID string    `json:"queue_id,omitempty"` // of the message, where there was one
}

// Released tells what a release did.
type Released struct {
	Reject
	Moved bool       `json:"moved"` // from Junk to INBOX
	Rule  SenderRule `json:"rule"`  // by which the next one is taken
}

func showReject(r mail.Reject) Reject {
	out := Reject{ID: mail.TraceID(r.ID).String(), At: r.At, Count: r.Count, Action: string(r.Action),
		From: r.From, Subject: r.Subject, Reason: r.Reason}
	if !r.Sender.IsNull() {
		out.Sender = address.Display(r.Sender)
	}
	if r.Network.IsValid() {
		out.Network = r.Network.String()
	}
	if r.Trace != 0 {
		out.QueueID = r.Trace.String()
	}
	return out
}

// Rejects lists what was lately refused, junked or greylisted for an account,
// newest first.
func (a *Admin) Rejects(ctx context.Context, addr string) ([]Reject, error) {
	id, err := a.accountID(ctx, addr)
	if err != nil {
		return nil, err
	}
	all, err := a.Store.Rejects(ctx, id)
	if err != nil {
		return nil, err
	}
	out := make([]Reject, len(all))
	for i, r := range all {
		out[i] = showReject(r)
	}
	return out, nil
}

// ReleaseReject takes a line off: a junked message moves to INBOX, and the
// sender, from its network, is allowed for the account from now on.
func (a *Admin) ReleaseReject(ctx context.Context, addr, id string) (Released, error) {
	acct, err := a.accountID(ctx, addr)
	if err != nil {
		return Released{}, err
	}
	n, err := mail.ParseTraceID(id)
	if err != nil {
		return Released{}, &mail.Error{Code: mail.CodeInvalid, Text: quoted(id) + " is no id of a reject", Hint: "postroom rejects " + addr + " shows them"}
	}
	r, err := a.Store.Reject(ctx, acct, int64(n))
	if err != nil {
		return Released{}, err
	}
	out := Released{Reject: showReject(r)}
	if !r.Network.IsValid() {
		return out, &mail.Error{Code: mail.CodeInvalid, Text: "that line stands for several senders", Hint: "allow one: postroom sender allow ADDRESS --for " + addr}
	}
	if r.Action == mail.RejectJunked {
		if out.Moved, err = a.Store.UnjunkMessage(ctx, acct, r.Trace); err != nil {
			return out, err
		}
	}
	rule := releasedRule(r)
	rule.CreatedAt = a.Now()
	if err := a.Store.ReleaseReject(ctx, a.Actor, r, rule); err != nil {
		return out, err
	}
	out.Rule, err = a.showRule(ctx, rule, map[mail.AccountID]string{})
	return out, err
}

// releasedRule allows a sender from its network. A reverse-path with a number
// in it is another one next time: then it is its domain.
func releasedRule(r mail.Reject) mail.SenderRule {
	x := mail.SenderRule{Account: r.Account, Network: r.Network, Allow: true, Note: "released " + mail.TraceID(r.ID).String()}
	switch {
	case r.Sender.IsNull():
	case address.Unnumbered(r.Sender.Local) == address.Key(r.Sender.Local):
		x.Sender = senderKey(r.Sender)
	default:
		x.Sender = r.Sender.Domain
	}
	return x
}
