package sig

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"postroom/internal/dns"
)

// asked answers from a table and counts.
type asked struct {
	mu      sync.Mutex
	answers map[string][]string
	errs    map[string]error
	count   map[string]int
	now     int
	most    int
	gate    chan struct{} // closed when answers may be given
}

func (a *asked) LookupTXT(ctx context.Context, name string) ([]string, error) {
	a.mu.Lock()
	a.count[name]++
	a.now++
	a.most = max(a.most, a.now)
	if a.now == maxLookups && a.gate != nil {
		close(a.gate)
		a.gate = nil
	}
	a.mu.Unlock()
	<-ctx.Done()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now--
	return a.answers[name], a.errs[name]
}

func TestFetchAsksAtOnceAndOnce(t *testing.T) {
	gate := make(chan struct{})
	r := &asked{count: map[string]int{}, gate: gate}
	ctx, cancel := context.WithCancel(t.Context())
	var names []string
	for i := range 2 * maxLookups {
		names = append(names, fmt.Sprint("n", i), fmt.Sprint("n", i))
	}
	go func() {
		<-gate // as many as may be are under way
		cancel()
	}()
	keys := Keys{}
	keys.Fetch(ctx, r, names)
	keys.Fetch(ctx, r, names)
	for name, n := range r.count {
		if n != 1 {
			t.Errorf("%s was asked %d times", name, n)
		}
	}
	if len(r.count) != 2*maxLookups || r.most > maxLookups {
		t.Errorf("%d names, %d at once", len(r.count), r.most)
	}
}

func TestFetchAnswers(t *testing.T) {
	good := "k=ed25519; p=" + edKey
	r := &asked{count: map[string]int{},
		answers: map[string][]string{"good": {good}, "several": {"v=spf1 -all", "p=", good}, "none": {}, "other": {"v=spf1 -all"}},
		errs: map[string]error{
			"nx":   &dns.Error{Kind: dns.NotFound},
			"norr": &dns.Error{Kind: dns.NoRecords},
			"temp": &dns.Error{Kind: dns.Temporary},
			"odd":  errors.New("cancelled"),
		}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	keys := Keys{}
	keys.Fetch(ctx, r, []string{"good", "several", "none", "other", "nx", "norr", "temp", "odd"})
	for name, want := range map[string]Status{"none": PermError, "other": PermError, "nx": PermError, "norr": PermError, "temp": TempError, "odd": TempError} {
		if a := keys[name]; a.failure == nil || a.failure.Status != want || len(a.records) != 0 {
			t.Errorf("%s: %+v, want %s", name, a, want)
		}
	}
	if n := len(keys["good"].records); n != 1 {
		t.Errorf("good: %d records", n)
	}
	if n := len(keys["several"].records); n != 2 {
		t.Errorf("several: %d records", n)
	}
}
