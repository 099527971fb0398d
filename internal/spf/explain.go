package spf

import (
	"context"
	"slices"
	"strings"
)

// maxExplanation bounds what a stranger may say in our replies and headers,
// which RFC 7208 §6.2 leaves to us.
const maxExplanation = 255

// explanation gives the expanded text of exp after a fail, or "" when there is
// none or anything about it is wrong (RFC 7208 §6.2). The exp that counts is
// of the record whose mechanism matched: never an included one, and after
// redirect the one redirected to.
func (r *resolver) explanation(ctx context.Context, e expander) string {
	asked := r.asked
	for {
		rec := r.records[e.domain]
		target, ok := e.expand(rec.redirect, false)
		target, known := question(target)
		i := slices.Index(asked, e.domain)
		// The library asks a redirect's record only when no mechanism matched.
		if rec.all || rec.redirect == "" || !ok || !known || i < 0 || !slices.Contains(asked[i+1:], target) {
			return r.text(ctx, rec.exp, e)
		}
		asked, e.domain = asked[i+1:], target
	}
}

func (r *resolver) text(ctx context.Context, exp string, e expander) string {
	name, ok := e.expand(exp, false)
	if exp == "" || !ok {
		return ""
	}
	if name, ok = question(name); !ok {
		return ""
	}
	txts, err := r.dns.LookupTXT(ctx, name)
	if err != nil || len(txts) != 1 {
		return ""
	}
	text, ok := e.expand(txts[0], true)
	if !ok || strings.ContainsFunc(txts[0], func(c rune) bool { return c < ' ' || c >= 0x7f }) {
		return ""
	}
	return printable(text)
}

// printable keeps one line of US-ASCII (RFC 7208 §6.2): a local part or HELO
// name may have brought in more.
func printable(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f {
			return '?'
		}
		return c
	}, s)
	return strings.TrimSpace(s[:min(len(s), maxExplanation)])
}
