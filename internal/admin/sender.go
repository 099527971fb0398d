package admin

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// SenderArgs names an entry of the allow and block lists, as it is typed.
type SenderArgs struct {
	What    string // an address, a domain, or a network of peers
	Network string // beside an address or domain: only from there
	For     string // an account or a domain here; "": everybody
	Note    string
}

// SenderRule is an entry of the lists, as it is shown.
type SenderRule struct {
	List    string    `json:"list"` // allow or block
	Sender  string    `json:"sender,omitempty"`
	Network string    `json:"network,omitempty"`
	For     string    `json:"for,omitempty"` // missing: everybody
	Note    string    `json:"note,omitempty"`
	Since   time.Time `json:"since"`
}

// AllowSender takes what comes from a sender or network without a look at DNS
// lists and greylist.
func (a *Admin) AllowSender(ctx context.Context, args SenderArgs) (SenderRule, error) {
	return a.setSender(ctx, args, true)
}

// BlockSender refuses it.
func (a *Admin) BlockSender(ctx context.Context, args SenderArgs) (SenderRule, error) {
	return a.setSender(ctx, args, false)
}

func (a *Admin) setSender(ctx context.Context, args SenderArgs, allow bool) (SenderRule, error) {
	x, err := a.senderRule(ctx, args)
	if err != nil {
		return SenderRule{}, err
	}
	x.Allow, x.CreatedAt = allow, a.Now()
	if x.Note, err = displayName(args.Note); err != nil {
		return SenderRule{}, err
	}
	if err := a.Store.SetSenderRule(ctx, a.Actor, x); err != nil {
		return SenderRule{}, err
	}
	return a.showRule(ctx, x, map[mail.AccountID]string{})
}

// RemoveSender takes an entry off its list.
func (a *Admin) RemoveSender(ctx context.Context, args SenderArgs) error {
	x, err := a.senderRule(ctx, args)
	if err != nil {
		return err
	}
	err = a.Store.RemoveSenderRule(ctx, a.Actor, x)
	if mail.Is(err, mail.CodeNotFound) {
		return &mail.Error{Code: mail.CodeNotFound, Text: "there is no such entry", Err: err,
			Hint: "postroom sender list shows them; name the network and for whom it holds as there"}
	}
	return err
}

// SenderRules lists the entries that hold for an account or a domain alone, or
// ("") all, newest first.
func (a *Admin) SenderRules(ctx context.Context, forWhom string) ([]SenderRule, error) {
	var of mail.SenderRule
	if err := a.scope(ctx, &of, forWhom); err != nil {
		return nil, err
	}
	all, err := a.Store.SenderRuleList(ctx, forWhom == "", of)
	if err != nil {
		return nil, err
	}
	out, names := make([]SenderRule, len(all)), map[mail.AccountID]string{}
	for i, x := range all {
		if out[i], err = a.showRule(ctx, x, names); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// senderRule reads what an entry names.
func (a *Admin) senderRule(ctx context.Context, args SenderArgs) (x mail.SenderRule, err error) {
	if err = a.scope(ctx, &x, args.For); err != nil {
		return x, err
	}
	network := args.Network
	switch what := strings.TrimSpace(args.What); {
	case isNetwork(what) && network != "":
		return x, mail.Errorf(mail.CodeInvalid, "%s is a network already: name one of the two", quoted(what))
	case isNetwork(what):
		network = what
	case strings.Contains(strings.TrimPrefix(what, "@"), "@"):
		m, err := mailAddress(what)
		if err != nil {
			return x, err
		}
		x.Sender = senderKey(m)
	default:
		if x.Sender, err = domainName(strings.TrimPrefix(what, "@")); err != nil {
			return x, &mail.Error{Code: mail.CodeInvalid, Text: quoted(what) + " is neither an address nor a domain nor a network",
				Hint: "write name@example.com, example.com, 192.0.2.7 or 192.0.2.0/24"}
		}
	}
	if network != "" {
		x.Network, err = parseNetwork(network)
	}
	return x, err
}

// scope reads for whom an entry holds.
func (a *Admin) scope(ctx context.Context, x *mail.SenderRule, forWhom string) (err error) {
	switch {
	case forWhom == "":
	case strings.Contains(forWhom, "@"):
		x.Account, err = a.accountID(ctx, forWhom)
	default:
		x.Domain, err = domainName(forWhom)
	}
	return err
}

func senderKey(m mail.Address) string { return address.Key(m.Local) + "@" + m.Domain }

func isNetwork(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil || strings.Contains(s, "/")
}

// parseNetwork reads 192.0.2.7 or 192.0.2.0/24.
func parseNetwork(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if addr, err2 := netip.ParseAddr(s); err2 == nil {
		p, err = addr.Unmap().WithZone("").Prefix(addr.Unmap().BitLen())
	}
	if err != nil {
		return p, &mail.Error{Code: mail.CodeInvalid, Text: quoted(s) + " is no network", Hint: "write it as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32"}
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if !mail.RuleNetwork(p) {
		return p, &mail.Error{Code: mail.CodeInvalid, Text: quoted(s) + " is no network that an entry can name",
			Hint: "IPv4 networks have 8 bits and more, those of IPv6 16 to 64"}
	}
	return p.Masked(), nil
}

func (a *Admin) showRule(ctx context.Context, x mail.SenderRule, names map[mail.AccountID]string) (SenderRule, error) {
	out := SenderRule{List: "block", Sender: x.Sender, Note: x.Note, Since: x.CreatedAt}
	if x.Allow {
		out.List = "allow"
	}
	if local, domain, ok := strings.Cut(x.Sender, "@"); ok {
		out.Sender = address.Display(mail.Address{Local: local, Domain: domain})
	} else if x.Sender != "" {
		out.Sender = address.DisplayDomain(x.Sender)
	}
	if x.Network.IsValid() {
		out.Network = x.Network.String()
	}
	if x.Domain != "" {
		out.For = address.DisplayDomain(x.Domain)
	}
	if x.Account == 0 {
		return out, nil
	}
	if _, ok := names[x.Account]; !ok {
		l, err := a.Store.AccountListing(ctx, x.Account)
		if err != nil {
			return out, err
		}
		names[x.Account] = address.Display(l.Address)
	}
	out.For = names[x.Account]
	return out, nil
}
