// Package delivery is what happens to a message between the SMTP session and
// the store: who may send it and to whom, where each recipient leads, which
// fields of ours go before it, and one store.Deliver for all of it. It is the
// backend of smtpd.
package delivery

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"postroom/internal/mail"
	"postroom/internal/spool"
)

// Store is what delivery needs of the store.
type Store interface {
	NewID() int64
	// Deliver writes everything in one transaction and returns after its commit.
	Deliver(ctx context.Context, d *mail.Delivery) (mail.Delivered, error)
	ResolveRecipient(ctx context.Context, rcpt mail.Address) (mail.Resolution, error)
	// DomainHosted tells whether mail for a domain is delivered here.
	DomainHosted(ctx context.Context, domain string) (bool, error)
	SenderAllowed(ctx context.Context, acct mail.AccountID, a mail.Address) (bool, error)
	// SendState and SubmissionRecipient tell what limits a submission.
	SendState(ctx context.Context, acct mail.AccountID, to []mail.Address) (mail.SendState, error)
	SubmissionRecipient(ctx context.Context, acct mail.AccountID, to mail.Address) (most int, gone *mail.Suppression, err error)
	// Suppressed gives those of the addresses that are suppressed.
	Suppressed(ctx context.Context, to []mail.Address) ([]mail.Suppression, error)
	HoldSending(ctx context.Context, acct mail.AccountID, reason string) (first bool, err error)
	RecordEvents(ctx context.Context, events []mail.Event) error
	ReceivingStore
	// SentEvents and RecordReport tie what comes back to what was sent.
	SentEvents(ctx context.Context, traces []mail.TraceID, since time.Time) ([]mail.Event, error)
	RecordReport(ctx context.Context, events []mail.Event, gone []mail.Suppression) error
	Complaints(ctx context.Context, acct mail.AccountID, since time.Time) (int, error)
}

// Config is what does not change while serving.
type Config struct {
	Hostname      string
	MaxSize       int64         // octets of a message; 0: no limit here
	QueueLifetime time.Duration // 0: 5 days
	QuotaHard     bool          // over quota is 552, not 452
	// NoLimits tells peers whose accounts send without limits; nil: nobody.
	NoLimits func(netip.Addr) bool
	// Checks authenticates mail from outside; nil: it is taken as it comes.
	Checks    *Checks
	Receiving Receiving
	// ReturnSecrets gives the secrets that sign return addresses (ReturnRing);
	// nil: mail is forwarded with the reverse-path that it came with.
	ReturnSecrets func(context.Context) ([][]byte, error)
	Now           func() time.Time
	Log           *slog.Logger
	Hook          func(point string) // crash tests: "delivery:data"; nil otherwise
}

// Delivery decides about mail. It is safe for concurrent use.
type Delivery struct {
	cfg    Config
	store  Store
	spool  *spool.Spool
	signer Signer
	log    *slog.Logger
	recent recent
	pacer  pacer

	// Of strangers on port 25.
	peers     *peers
	standings *standings
	meter     *meter
	rejects   rejects
}

// New makes a Delivery. Without a signer mail goes out unsigned.
func New(cfg Config, store Store, sp *spool.Spool, signer Signer) *Delivery {
	if cfg.QueueLifetime == 0 {
		cfg.QueueLifetime = 5 * 24 * time.Hour
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Receiving.Limits == (ReceiveLimits{}) {
		cfg.Receiving.Limits = DefaultReceiveLimits
	}
	return &Delivery{cfg: cfg, store: store, spool: sp, signer: signer, log: cfg.Log,
		peers: newPeers(), standings: newStandings(), meter: &meter{}}
}

// recent keeps what RCPT found out until DATA needs it, so that a recipient
// costs one look-up. Nothing in it is older than recentAge or used twice.
type recent struct {
	mu sync.Mutex
	m  map[recentKey]resolved
}

type recentKey struct {
	peer netip.AddrPort // one session
	rcpt mail.Address
}

type resolved struct {
	mail.Resolution
	at time.Time
}

const (
	recentAge = 10 * time.Second
	recentMax = 4096
)

func (r *recent) put(k recentKey, res mail.Resolution, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.m == nil || len(r.m) >= recentMax {
		r.m = make(map[recentKey]resolved)
	}
	r.m[k] = resolved{res, now}
}

func (r *recent) take(k recentKey, now time.Time) (mail.Resolution, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	res, ok := r.m[k]
	delete(r.m, k)
	return res.Resolution, ok && now.Sub(res.at) < recentAge
}

// randomText gives 16 letters that nobody can guess.
func randomText() string { return rand.Text()[:16] }
