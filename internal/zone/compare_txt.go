package zone

import (
	"context"
	"net/netip"
	"strings"

	"postroom/internal/dmarc"
	"postroom/internal/mail"
	"postroom/internal/spf"
)

// only gives the one TXT record that is of this kind. With several none
// counts: RFC 7208 §4.5 (permerror), RFC 9989 §4.10, RFC 8461 §3.1, RFC 8460
// §3.
func (c comparer) only(ctx context.Context, rec Record, is func(string) bool) (text string, bad Result, ok bool) {
	all, err := c.r.LookupTXT(ctx, rec.Name)
	if err != nil {
		return "", failed(rec, err), false
	}
	var of []string
	for _, t := range all {
		if is(t) {
			of = append(of, t)
		}
	}
	switch len(of) {
	case 0:
		out := failed(rec, err)
		out.State, out.About = Missing, "of the TXT records there none is for "+strings.ToUpper(string(rec.Kind))
		return "", out, false
	case 1:
		return of[0], Result{}, true
	}
	return "", differs(rec, "there are several, so that none counts", of...), false
}

func isSPF(t string) bool {
	v, _, _ := strings.Cut(t, " ")
	return strings.EqualFold(v, "v=spf1")
}

// spf takes any record by which mail from here passes. One that is written as
// we would is not evaluated: what is wrong then is an address or an MX record,
// and is told there.
func (c comparer) spf(ctx context.Context, rec Record) Result {
	text, bad, ok := c.only(ctx, rec, isSPF)
	if !ok {
		return bad
	}
	if strings.EqualFold(text, rec.Value) {
		return fits(rec)
	}
	from := mail.Address{Local: "postmaster", Domain: rec.Name}
	if rec.Kind == HostSPF {
		from = mail.Address{}
	}
	checker := spf.Checker{Resolver: c.r, Hostname: c.f.Host.Name}
	for _, a := range c.f.Host.Senders() {
		if out, ok := evaluated(rec, text, a, checker.Check(ctx, a, c.f.Host.Name, from)); !ok {
			return out
		}
	}
	if rec.Kind == SPF && c.f.Host.Smarthost != "" {
		out := fits(rec)
		out.About = "whether it allows the addresses that " + c.f.Host.Smarthost + " sends from cannot be told from here"
		return out
	}
	return fits(rec)
}

func evaluated(rec Record, text string, from netip.Addr, got spf.Result) (Result, bool) {
	switch got.Status {
	case spf.Pass:
		return Result{}, true
	case spf.TempError:
		return Result{Record: rec, State: Unanswered, Found: []string{text}, About: "a name in the record cannot be looked up for now"}, false
	case spf.PermError:
		return differs(rec, "no receiver can use the record: "+got.Problem, text), false
	}
	return differs(rec, "mail from "+from.String()+" gets "+string(got.Status), text), false
}

// dkim wants the key that signs; other tags are the owner's.
func (c comparer) dkim(ctx context.Context, rec Record) Result {
	text, bad, ok := c.only(ctx, rec, func(t string) bool { return strings.Contains(t, "p=") })
	if !ok {
		return bad
	}
	switch tag(text, "p") {
	case tag(rec.Value, "p"):
		return fits(rec)
	case "":
		return differs(rec, "the record says that the key is revoked", text)
	}
	return differs(rec, "it holds another key than the one that signs", text)
}

// tag gives the value of a tag of a list as RFC 6376 §3.2 has it, blanks left
// out.
func tag(record, name string) string {
	for part := range strings.SplitSeq(record, ";") {
		if k, v, _ := strings.Cut(part, "="); strings.TrimSpace(k) == name {
			return strings.Join(strings.Fields(v), "")
		}
	}
	return ""
}

// dmarc takes any valid policy, the organization's too (RFC 9989 §4.10.1).
func (c comparer) dmarc(ctx context.Context, rec Record) Result {
	is := func(t string) bool { _, ok := dmarc.Parse(t); return ok }
	text, bad, ok := c.only(ctx, rec, is)
	if ok {
		if about := dmarcFault(text); about != "" {
			return differs(rec, about, text)
		}
		return fits(rec)
	}
	org := dmarc.OrgDomain(c.f.Domain)
	if bad.State != Missing || org == c.f.Domain {
		return bad
	}
	above := rec
	above.Name = "_dmarc." + org
	text, _, ok = c.only(ctx, above, is)
	if !ok || dmarcFault(text) != "" {
		return bad
	}
	out := fits(rec)
	out.About = "the policy of " + org + " holds"
	return out
}

// dmarcFault finds what receivers would pass over, which its owner did not
// mean.
func dmarcFault(text string) string {
	for _, name := range []string{"p", "sp", "np"} {
		switch v := strings.ToLower(tag(text, name)); v {
		case "none", "quarantine", "reject":
		case "":
			if name == "p" {
				return "it has no policy (p=)"
			}
		default:
			return name + "=" + v + " is no policy: none, quarantine or reject"
		}
	}
	if rua := tag(text, "rua"); rua != "" && !strings.Contains(rua, "mailto:") {
		return "rua= must be a mailto: address"
	}
	return ""
}
