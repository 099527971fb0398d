// Package queue sends what stands in the queue: it leases entries of one
// destination, hands them to delivery/relay and settles each with its lease
// token. docs/queue.md states every state of an entry, who moves it, and what
// a crash leaves behind.
package queue

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"

	"postroom/delivery/dsn"
	"postroom/delivery/relay"
	"postroom/internal/mail"
)

// Store is what the worker needs of the store.
type Store interface {
	LeaseDue(ctx context.Context, a mail.LeaseArgs) ([]mail.LeasedMessage, error)
	RenewLeases(ctx context.Context, ids []mail.EntryID, token mail.LeaseToken, until time.Time) (lost []mail.EntryID, err error)
	Settle(ctx context.Context, settlements []mail.Settlement, dsns []mail.QueueDSN) ([]mail.SettleResult, error)
	NextDue(ctx context.Context) (time.Time, error)
	QueueWake() <-chan struct{}
	SetSetting(ctx context.Context, actor mail.Actor, name string, value any) error
}

// Reporter makes the delivery of a DSN: routed like any mail, not written. A
// nil delivery means that nobody is there to tell. discard frees its spool.
type Reporter interface {
	Report(ctx context.Context, r *dsn.Report) (d *mail.Delivery, discard func(), err error)
}

// Config sets up a Worker. Store, Relay, Reports and OpenBlob must be set.
type Config struct {
	Store   Store
	Relay   *relay.Client
	Reports Reporter
	// OpenBlob reads stored octets from their beginning.
	OpenBlob func(ctx context.Context, blob mail.BlobID, size int64) (io.ReadCloser, error)
	// ReleaseOrphans gives back what an earlier process of this node had
	// leased; called once before the first lease. Nil: those leases run out.
	ReleaseOrphans func(ctx context.Context) (int, error)

	Hostname       string
	Connections    int           // at once; 0: 20
	PerDestination int           // connections at once; 0: 4
	Rate           int           // messages a minute to one provider; 0: no limit
	PerConnection  int           // messages of one connection; 0: 100
	KeepIdle       time.Duration // a connection without work; 0: 5 s
	Batch          int           // entries leased for one connection; 0: 50
	Lease          time.Duration // 0: 15 min
	Poll           time.Duration // longest rest between two looks; 0: 30 s
	DownFor        time.Duration // rest for a destination that cannot be reached; 0: 30 s
	Drain          time.Duration // for running transactions at shutdown; 0: 15 s
	Retry          Backoff
	DelayAfter     time.Duration // age at which a delay DSN is due; 0: 4 h
	MaxReturn      int64         // largest message that RET=FULL returns whole; 0: 1 MiB

	Hook func(point string) // fault injection: "relay.accepted"
	Now  func() time.Time   // nil: time.Now
	Log  *slog.Logger
}

// Backoff spaces the attempts.
type Backoff struct {
	First  time.Duration  // after the first attempt; 0: 5 min
	Max    time.Duration  // 0: 4 h
	Random func() float64 // [0,1); nil: math/rand
}

// jitter spreads each wait by a fifth either way, so that a thousand messages
// to a server that was down do not all come back in one second.
const jitter = 0.2

// after gives the wait behind the n-th finished attempt, n from 0.
func (b Backoff) after(n int) time.Duration {
	d := b.First
	for range min(n, 30) {
		if d *= 2; d >= b.Max {
			break
		}
	}
	d = min(d, b.Max)
	return time.Duration(float64(d) * (1 - jitter + 2*jitter*b.Random()))
}

func (c Config) orDefaults() Config {
	def(&c.Connections, 20)
	def(&c.PerDestination, 4)
	def(&c.PerConnection, 100)
	def(&c.Batch, 50)
	def(&c.KeepIdle, 5*time.Second)
	def(&c.Lease, 15*time.Minute)
	def(&c.Poll, 30*time.Second)
	def(&c.DownFor, 30*time.Second)
	def(&c.Drain, 15*time.Second)
	def(&c.Retry.First, 5*time.Minute)
	def(&c.Retry.Max, 4*time.Hour)
	def(&c.DelayAfter, 4*time.Hour)
	def(&c.MaxReturn, 1<<20)
	if c.Retry.Random == nil {
		c.Retry.Random = rand.Float64
	}
	if c.Hook == nil {
		c.Hook = func(string) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
