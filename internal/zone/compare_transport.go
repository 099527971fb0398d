package zone

import (
	"context"
	"regexp"
	"strings"
)

// stsRecord is the grammar of RFC 8461 §3.1, which allows no blank around "=".
var stsRecord = regexp.MustCompile(`^v=STSv1(;[ \t]*[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[!-:<>-~]+[ \t]*)+(;[ \t]*)?$`)

func (c comparer) mtaSTS(ctx context.Context, rec Record) Result {
	text, bad, ok := c.only(ctx, rec, func(t string) bool { return strings.HasPrefix(t, "v=STSv1;") })
	switch {
	case !ok:
		return bad
	case !stsRecord.MatchString(text):
		return differs(rec, "senders cannot read it, and act as if there were no policy: it must be written as v=STSv1; id=…;", text)
	case tag(text, "id") != c.f.MTASTS:
		return differs(rec, "its id is not that of the policy served: senders keep the old one", text)
	}
	return fits(rec)
}

func (c comparer) tlsReports(ctx context.Context, rec Record) Result {
	text, bad, ok := c.only(ctx, rec, func(t string) bool { return strings.HasPrefix(t, "v=TLSRPTv1;") })
	if !ok {
		return bad
	}
	if rua := tag(text, "rua"); !strings.HasPrefix(rua, "mailto:") && !strings.HasPrefix(rua, "https:") {
		return differs(rec, "rua= must be a mailto: or https: address", text)
	}
	return fits(rec)
}
