package sig

import (
	"context"
	"slices"
	"sync"

	"postroom/internal/dns"
)

const (
	maxLookups = 8 // at a time
	maxRecords = 4 // tried of one name
)

// Resolver is what is asked for keys; dns.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// Keys are the answers about key names (Signature.KeyName).
type Keys map[string]answer

type answer struct {
	records []*Record
	failure *Failure // why there are none
}

// Fetch asks for the key records of all names at once, each once, some at a
// time. It ends with ctx; what is not answered by then is a TempError.
func (k Keys) Fetch(ctx context.Context, r Resolver, names []string) {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	names = slices.DeleteFunc(names, func(n string) bool { _, ok := k[n]; return ok })
	answers := make([]answer, len(names))
	slots := make(chan struct{}, maxLookups)
	var wg sync.WaitGroup
	for i, name := range names {
		slots <- struct{}{}
		wg.Go(func() {
			answers[i] = fetch(ctx, r, name)
			<-slots
		})
	}
	wg.Wait()
	for i, name := range names {
		k[name] = answers[i]
	}
}

// fetch asks for one key. RFC 6376 §3.6.2.2 wants one record per name; where
// there are more, those that are key records are tried in turn (§6.1.2 step 4).
func fetch(ctx context.Context, r Resolver, name string) answer {
	txts, err := r.LookupTXT(ctx, name)
	switch {
	case err != nil && dns.IsTemporary(err):
		return answer{failure: NewFailure(TempError, "key look-up failed for now")}
	case err != nil || len(txts) == 0:
		return answer{failure: NewFailure(PermError, "no key")}
	}
	var a answer
	for _, txt := range txts {
		rec, bad := ParseRecord(txt)
		switch {
		case bad == nil && len(a.records) < maxRecords:
			a.records = append(a.records, rec)
		case bad != nil && a.failure == nil:
			a.failure = bad
		}
	}
	return a
}
