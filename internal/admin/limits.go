package admin

import (
	"context"
	"strconv"
	"strings"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// Limit is one limit on sending as it is shown.
type Limit struct {
	Name string `json:"name"` // as LimitArgs, "messages_per_hour"
	Max  int    `json:"max"`  // 0: no limit
	// Source tells who sets it: account, domain or default.
	Source string `json:"source"`
	Used   int    `json:"used,omitempty"` // of an account, this hour or day
}

// Limits are the limits on what an account, or those of a domain, may send.
type Limits struct {
	Of     string  `json:"of"` // address or domain
	Limits []Limit `json:"limits"`
	// Pacing releases evenly what is over a limit, instead of refusing it.
	Pacing       bool   `json:"pacing"`
	PacingSource string `json:"pacing_source"`
	// Held tells why the account's sending is held.
	Held   string     `json:"held,omitempty"`
	HeldAt *time.Time `json:"held_at,omitempty"`
}

// LimitArgs changes limits: each a number, "none", or "default" for what the
// domain, or the program, sets; "" leaves it as it is.
type LimitArgs struct {
	RecipientsPerMessage, MessagesPerHour, MessagesPerDay    string
	RecipientsPerHour, RecipientsPerDay, NewRecipientsPerDay string
	SuspectPerHour                                           string
	Pacing                                                   string // "on", "off", "default"
}

// limitRow is one row of THE table of limits: where it stands in what.
type limitRow struct {
	name string
	arg  func(*LimitArgs) string
	set  func(*mail.SendPolicy) **int
	max  func(*mail.SendLimits) int
	used func(*mail.SendState) int
}

var limitRows = []limitRow{
	{"recipients_per_message", func(a *LimitArgs) string { return a.RecipientsPerMessage }, func(p *mail.SendPolicy) **int { return &p.RecipientsPerMessage },
		func(l *mail.SendLimits) int { return l.RecipientsPerMessage }, func(*mail.SendState) int { return 0 }},
	{"messages_per_hour", func(a *LimitArgs) string { return a.MessagesPerHour }, func(p *mail.SendPolicy) **int { return &p.MessagesPerHour },
		func(l *mail.SendLimits) int { return l.MessagesPerHour }, func(s *mail.SendState) int { return s.Hour.Messages }},
	{"messages_per_day", func(a *LimitArgs) string { return a.MessagesPerDay }, func(p *mail.SendPolicy) **int { return &p.MessagesPerDay },
		func(l *mail.SendLimits) int { return l.MessagesPerDay }, func(s *mail.SendState) int { return s.Day.Messages }},
	{"recipients_per_hour", func(a *LimitArgs) string { return a.RecipientsPerHour }, func(p *mail.SendPolicy) **int { return &p.RecipientsPerHour },
		func(l *mail.SendLimits) int { return l.RecipientsPerHour }, func(s *mail.SendState) int { return s.Hour.Recipients }},
	{"recipients_per_day", func(a *LimitArgs) string { return a.RecipientsPerDay }, func(p *mail.SendPolicy) **int { return &p.RecipientsPerDay },
		func(l *mail.SendLimits) int { return l.RecipientsPerDay }, func(s *mail.SendState) int { return s.Day.Recipients }},
	{"new_recipients_per_day", func(a *LimitArgs) string { return a.NewRecipientsPerDay }, func(p *mail.SendPolicy) **int { return &p.NewRecipientsPerDay },
		func(l *mail.SendLimits) int { return l.NewRecipientsPerDay }, func(s *mail.SendState) int { return s.Day.NewRecipients }},
	{"suspect_per_hour", func(a *LimitArgs) string { return a.SuspectPerHour }, func(p *mail.SendPolicy) **int { return &p.SuspectPerHour },
		func(l *mail.SendLimits) int { return l.SuspectPerHour }, func(s *mail.SendState) int { return max(s.Hour.NewRecipients, s.Hour.Failures) }},
}

// changes lays args over a policy.
func (args LimitArgs) changes(p mail.SendPolicy) (mail.SendPolicy, error) {
	for _, r := range limitRows {
		to := r.set(&p)
		switch s := strings.ToLower(strings.TrimSpace(r.arg(&args))); s {
		case "":
		case "default":
			*to = nil
		case "none", "unlimited":
			*to = new(int)
		default:
			n, err := strconv.ParseInt(s, 10, 32)
			if err != nil || n <= 0 {
				return p, &mail.Error{Code: mail.CodeInvalid, Text: quoted(s) + " is no limit", Hint: "write a number, none or default"}
			}
			v := int(n)
			*to = &v
		}
	}
	on := args.Pacing == "on"
	switch args.Pacing {
	case "":
	case "default":
		p.Pacing = nil
	case "on", "off":
		p.Pacing = &on
	default:
		return p, &mail.Error{Code: mail.CodeInvalid, Text: quoted(args.Pacing) + " is no way of pacing", Hint: "write on, off or default"}
	}
	return p, nil
}

// showLimits names the source of each: own (an account's, or a domain's) goes
// before above (a domain's).
func showLimits(of string, l mail.SendLimits, own, above mail.SendPolicy, ownName string) Limits {
	source := func(own, above bool) string {
		switch {
		case own:
			return ownName
		case above:
			return "domain"
		}
		return "default"
	}
	out := Limits{Of: of, Pacing: l.Pacing, PacingSource: source(own.Pacing != nil, above.Pacing != nil)}
	for _, r := range limitRows {
		out.Limits = append(out.Limits, Limit{Name: r.name, Max: r.max(&l), Source: source(*r.set(&own) != nil, *r.set(&above) != nil)})
	}
	return out
}

// AccountLimits shows an account's limits, what it has used of them, and
// whether it is held.
func (a *Admin) AccountLimits(ctx context.Context, addr string) (Limits, error) {
	id, err := a.accountID(ctx, addr)
	if err != nil {
		return Limits{}, err
	}
	l, err := a.Store.AccountListing(ctx, id)
	if err != nil {
		return Limits{}, err
	}
	own, holds, err := a.Store.AccountSendPolicy(ctx, id)
	if err != nil {
		return Limits{}, err
	}
	above, _, err := a.Store.DomainSendPolicy(ctx, l.Address.Domain)
	if err != nil {
		return Limits{}, err
	}
	st, err := a.Store.SendState(ctx, id, nil)
	if err != nil {
		return Limits{}, err
	}
	out := showLimits(address.Display(l.Address), holds, own, above, "account")
	for i, r := range limitRows {
		out.Limits[i].Used = r.used(&st)
	}
	if h, ok, err := a.Store.SendHold(ctx, id); err != nil {
		return Limits{}, err
	} else if ok && h.ResumedAt.IsZero() {
		out.Held, out.HeldAt = h.Reason, at(h.HeldAt)
	}
	return out, nil
}

// SetAccountLimits changes an account's own limits.
func (a *Admin) SetAccountLimits(ctx context.Context, addr string, args LimitArgs) (Limits, error) {
	id, err := a.accountID(ctx, addr)
	if err != nil {
		return Limits{}, err
	}
	own, _, err := a.Store.AccountSendPolicy(ctx, id)
	if err != nil {
		return Limits{}, err
	}
	if own, err = args.changes(own); err != nil {
		return Limits{}, err
	}
	if err := a.Store.SetAccountSendPolicy(ctx, a.Actor, id, own); err != nil {
		return Limits{}, err
	}
	return a.AccountLimits(ctx, addr)
}

// DomainLimits shows the limits of a domain's accounts.
func (a *Admin) DomainLimits(ctx context.Context, name string) (Limits, error) {
	d, err := domainName(name)
	if err != nil {
		return Limits{}, err
	}
	own, holds, err := a.Store.DomainSendPolicy(ctx, d)
	return showLimits(address.DisplayDomain(d), holds, own, mail.SendPolicy{}, "domain"), err
}

// SetDomainLimits changes the limits of a domain's accounts, where they have
// none of their own.
func (a *Admin) SetDomainLimits(ctx context.Context, name string, args LimitArgs) (Limits, error) {
	d, err := domainName(name)
	if err != nil {
		return Limits{}, err
	}
	own, _, err := a.Store.DomainSendPolicy(ctx, d)
	if err != nil {
		return Limits{}, err
	}
	if own, err = args.changes(own); err != nil {
		return Limits{}, err
	}
	if err := a.Store.SetDomainSendPolicy(ctx, a.Actor, d, own); err != nil {
		return Limits{}, err
	}
	return a.DomainLimits(ctx, name)
}

// Resume lets an account send again that was held as if stolen. What waits in
// the queue is released there.
func (a *Admin) Resume(ctx context.Context, addr string) (Limits, error) {
	id, err := a.accountID(ctx, addr)
	if err != nil {
		return Limits{}, err
	}
	if err := a.Store.ResumeSending(ctx, a.Actor, id); err != nil {
		return Limits{}, err
	}
	return a.AccountLimits(ctx, addr)
}
