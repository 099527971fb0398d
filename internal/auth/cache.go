package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"postroom/internal/lru"
	"postroom/internal/mail"
)

// digest stands for a login and password in the cache. It is an HMAC under a
// key of this process, so that a memory dump's cache is of no use elsewhere.
type digest [sha256.Size]byte

// outcome remembers what a costly check said. A failed one is kept too: a
// phone that repeats an old password costs one hash, and learns nothing.
type outcome struct {
	credential mail.CredentialID // 0: the password was wrong
	changeSeq  int64             // of the account then; any change drops the outcome
	expires    time.Time
}

type cache struct {
	key [32]byte
	ttl time.Duration
	now func() time.Time

	mu   sync.Mutex
	seen *lru.Map[digest, outcome]
}

func newCache(size int, ttl time.Duration, now func() time.Time) *cache {
	c := &cache{ttl: ttl, now: now, seen: lru.New[digest, outcome](size)}
	rand.Read(c.key[:])
	return c
}

func (c *cache) digest(login, password string) (d digest) {
	m := hmac.New(sha256.New, c.key[:])
	m.Write([]byte(login))
	m.Write([]byte{0})
	m.Write([]byte(password))
	m.Sum(d[:0])
	return d
}

func (c *cache) get(d digest, changeSeq int64) (outcome, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o, ok := c.seen.Get(d)
	if ok && (o.changeSeq != changeSeq || c.now().After(o.expires)) {
		c.seen.Delete(d)
		return outcome{}, false
	}
	return o, ok
}

func (c *cache) put(d digest, credential mail.CredentialID, changeSeq int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen.Put(d, outcome{credential, changeSeq, c.now().Add(c.ttl)})
}
