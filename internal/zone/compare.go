package zone

import (
	"context"
	"strings"
	"sync"

	"postroom/internal/dns"
)

// Resolver answers what a comparison asks; *dns.Client is one.
type Resolver interface {
	dns.Resolver
	Lookup(ctx context.Context, name string, qtype uint16) (dns.Answer, error)
}

// State is how a record compares with what the DNS answers.
type State string

// The states.
const (
	OK         State = "ok"
	Missing    State = "missing"
	Different  State = "different"
	Unanswered State = "unanswered" // the DNS cannot say for now
)

// Result of comparing one record.
type Result struct {
	Record
	State State    `json:"state"`
	Found []string `json:"found,omitempty"`  // what stands there instead
	About string   `json:"detail,omitempty"` // in which way it is not ok, or not of use
}

// Level is how bad a result is.
type Level string

// The levels.
const (
	LevelOK      Level = "ok"
	LevelNote    Level = "note"    // an optional record is missing
	LevelWarning Level = "warning" // a recommended one is, or an optional one is wrong
	LevelError   Level = "error"   // a required one is not confirmed, or a recommended one is wrong
)

// Level judges a result by what depends on the record. What the DNS cannot say
// is judged as if the record were missing: others cannot read it either.
func (r Result) Level() Level {
	switch {
	case r.State == OK:
		return LevelOK
	case r.Need == Required || (r.State == Different && r.Need == Recommended):
		return LevelError
	case r.Need == Recommended || r.State != Missing:
		return LevelWarning
	}
	return LevelNote
}

// comparer holds what the comparisons of one domain share.
type comparer struct {
	r Resolver
	f Facts
}

// maxAsked bounds the comparisons at one time.
const maxAsked = 8

// Compare looks up each record, several at once; the time is ctx's. It gives
// one result for each record, in their order.
func Compare(ctx context.Context, r Resolver, f Facts, records []Record) []Result {
	c := comparer{r, f}
	out := make([]Result, len(records))
	free := make(chan struct{}, maxAsked)
	var wg sync.WaitGroup
	for i, rec := range records {
		free <- struct{}{}
		wg.Go(func() {
			out[i] = c.compare(ctx, rec)
			<-free
		})
	}
	wg.Wait()
	return out
}

func (c comparer) compare(ctx context.Context, rec Record) Result {
	switch rec.Kind {
	case MX:
		return c.mx(ctx, rec)
	case Address:
		return c.address(ctx, rec)
	case PTR:
		return c.ptr(ctx, rec)
	case SPF, HostSPF:
		return c.spf(ctx, rec)
	case DKIM:
		return c.dkim(ctx, rec)
	case DMARC:
		return c.dmarc(ctx, rec)
	case MTASTS:
		return c.mtaSTS(ctx, rec)
	case TLSRPT:
		return c.tlsReports(ctx, rec)
	case SRV:
		return c.srv(ctx, rec)
	case TLSA:
		return c.tlsa(ctx, rec)
	case CAA:
		return c.caa(ctx, rec)
	}
	return c.alias(ctx, rec)
}

// failed gives the result of a look-up without answer.
func failed(rec Record, err error) Result {
	out := Result{Record: rec, State: Missing, About: "there is no such name"}
	switch {
	case dns.IsTemporary(err):
		out.State, out.About = Unanswered, err.Error()
	case dns.IsNoRecords(err):
		out.About = "the name has no " + rec.Type + " record"
	}
	return out
}

func differs(rec Record, about string, found ...string) Result {
	return Result{Record: rec, State: Different, Found: found, About: about}
}

func fits(rec Record) Result { return Result{Record: rec, State: OK} }

// among tells whether the record's value, written as the library writes it,
// is one of those found.
func among(rec Record, found []string) Result {
	for _, f := range found {
		if strings.EqualFold(f, rec.Value) {
			return fits(rec)
		}
	}
	return differs(rec, "", found...)
}
