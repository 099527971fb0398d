package server

import (
	"context"
	"sync"
	"time"

	"postroom/internal/mail"
)

// readiness tells whether this server should get clients. Everybody may ask,
// so the database is asked at most once a second.
type readiness struct {
	database func(context.Context) error
	draining <-chan struct{}

	mu    sync.Mutex
	asked time.Time
	err   error
}

const (
	readyEvery = time.Second
	readyTime  = 3 * time.Second
)

// check gives the reason why not, without secrets. The answer of one asker is
// for all of its second, so that none of them may cut it off.
func (r *readiness) check(ctx context.Context) error {
	select {
	case <-r.draining:
		return mail.Errorf(mail.CodeUnavailable, "the server is stopping")
	default:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.asked) >= readyEvery {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTime)
		defer cancel()
		r.err, r.asked = r.database(ctx), time.Now()
	}
	return r.err
}
