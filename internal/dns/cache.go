package dns

import (
	"strconv"
	"sync"
	"time"
)

// found marks a kept answer that has records.
const found Kind = -1

type key struct {
	name  string
	qtype uint16
}

func (k key) String() string { return strconv.Itoa(int(k.qtype)) + " " + k.name }

type kept struct {
	answer Answer
	kind   Kind
	until  time.Time
}

// cache keeps answers for their TTL. It is small on purpose: the server asked
// is expected to be near and to cache too.
type cache struct {
	mu     sync.Mutex
	m      map[key]kept
	max    int
	maxTTL time.Duration
	now    func() time.Time
}

func newCache(size int, maxTTL time.Duration, now func() time.Time) *cache {
	return &cache{m: make(map[key]kept), max: size, maxTTL: maxTTL, now: now}
}

func (c *cache) get(k key) (Answer, Kind, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.m[k]
	if !ok {
		return Answer{}, 0, false
	}
	if !c.now().Before(e.until) {
		delete(c.m, k)
		return Answer{}, 0, false
	}
	return e.answer, e.kind, true
}

func (c *cache) put(k key, a Answer, kind Kind, ttl time.Duration) {
	if ttl = min(ttl, c.maxTTL); ttl <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.m) >= c.max {
		c.evict()
	}
	c.m[k] = kept{a, kind, c.now().Add(ttl)}
}

// evict makes room: what is over first, else what the map's random order
// brings, a tenth at a time.
func (c *cache) evict() {
	now := c.now()
	for k, e := range c.m {
		if !now.Before(e.until) {
			delete(c.m, k)
		}
	}
	for k := range c.m {
		if len(c.m) <= c.max-c.max/10-1 {
			return
		}
		delete(c.m, k)
	}
}
