package imapd

import (
	"context"
	"strings"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// FILTERS (RFC 5466): SEARCH criteria with a name, kept as private entries of the
// server's metadata. Its shared entries are read-only, so there are no shared
// filters.
const (
	filterRoot   = "/private/filters/"
	filterValues = filterRoot + "values"
)

// Bounds of what one program makes of its filters.
const (
	maxFilterPasses = 3         // filters within filters; RFC 5466 §3.1 wants 3
	maxFilterText   = 128 << 10 // octets, each filter as often as it is named
)

// filters is what FILTER needs while a program is read the second time.
type filters struct {
	values    map[string]string // by name, in lower case
	passes    int
	octets    int
	undefined string // the name that is not there
}

// filter parses
//
//	search-key  =/ "FILTER" SP filter-name             ; RFC 5466 §4
//	filter-name = 1*<any ATOM-CHAR except "/">
//
// Deviation: §3.1 puts the text of the filter in its place. Here a filter is one
// key: NOT and OR before it mean all of it, not only its first key.
func (p *searchParser) filter() criterion {
	p.d.SP()
	name := p.d.Atom()
	switch {
	case p.s.without("FILTERS"):
		p.d.Fail("unknown search key")
	case strings.Contains(name, "/"):
		p.d.Fail("bad filter name")
	}
	p.args.filtered = true
	if p.filters == nil || p.d.Err() != nil {
		return criterion{} // the program is read again when filters are known
	}
	return p.named(name)
}

// named reads the text of a filter. Beyond the passes allowed a filter is as one
// that is not there, so none can go in a circle.
func (p *searchParser) named(name string) criterion {
	f := p.filters
	value, ok := f.values[strings.ToLower(name)]
	f.octets += len(value)
	switch {
	case !ok || f.passes == maxFilterPasses:
		f.undefined = name
		p.d.Fail("no filter %s", name)
		return criterion{}
	case f.octets > maxFilterText:
		p.d.Fail("search too complex")
		return criterion{}
	}
	outer := p.d
	p.d = criteriaDecoder(value)
	f.passes++
	k := p.list()
	f.passes--
	p.d.End()
	inner := p.d.Err()
	if p.d = outer; inner != nil {
		p.d.Fail("filter %s: %v", name, inner)
	}
	return k
}

func criteriaDecoder(text string) *wire.Decoder {
	d := wire.NewDecoder([]byte(text), nil)
	d.UTF8 = true
	return d
}

// fill puts the user's filters into a program that names some.
func (s *session) fill(ctx context.Context, a *searchArgs) error {
	d := a.program
	a.program = wire.Decoder{}
	if !a.filtered || a.filled {
		return nil
	}
	if a.charset != "" && !strings.EqualFold(a.charset, "UTF-8") && !strings.EqualFold(a.charset, "US-ASCII") {
		return &failure{"BAD", responseCodes[mail.CodeUnknownCharset], "filters are UTF-8"} // RFC 5466 §3.1
	}
	list, err := s.srv.Store.Metadata(ctx, s.identity.Account, 0, s.identity.Account, []string{filterValues}, 1)
	if err != nil {
		return err
	}
	f := &filters{values: map[string]string{}}
	for _, x := range list {
		f.values[strings.TrimPrefix(x.Entry, filterValues+"/")] = string(x.Value)
	}
	a.filled, a.sets, a.scope, a.hints, a.ranges, a.relevant = true, nil, nil, nil, nil, nil
	a.readKeys(&searchParser{s: s, d: &d, args: a, filters: f})
	if f.undefined != "" {
		return no("UNDEFINED-FILTER "+f.undefined, "no filter of that name")
	}
	return d.Err()
}

// checkFilter refuses an entry of a filter whose name FILTER could not say, or
// whose value is no search criterion (RFC 5466 §3.2).
func (s *session) checkFilter(x mail.Annotation) error {
	below, ok := strings.CutPrefix(x.Entry, filterRoot)
	if !ok {
		return nil
	}
	kind, name, _ := strings.Cut(below, "/")
	d := criteriaDecoder(name)
	if d.Atom(); kind != "values" && kind != "descriptions" || !d.AtEnd() || strings.Contains(name, "/") {
		return no("CANNOT", "bad filter name")
	}
	if kind != "values" || x.Value == nil {
		return nil
	}
	p := &searchParser{s: s, d: criteriaDecoder(string(x.Value)), args: &searchArgs{}}
	p.list()
	if p.d.End(); p.d.Err() != nil {
		return no("CANNOT", "no search criterion: "+p.d.Err().Error())
	}
	return nil
}
