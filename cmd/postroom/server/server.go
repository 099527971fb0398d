// Package server wires the rooms of postroom into one running process:
// database, master key, certificates, spool, delivery, SMTP, IMAP, HTTP, queue,
// metrics and maintenance. `postroom serve`, the demo and the end-to-end cases start it.
package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"postroom/delivery"
	"postroom/imapd"
	"postroom/internal/acme"
	"postroom/internal/admin"
	"postroom/internal/auth"
	"postroom/internal/config"
	"postroom/internal/dns"
	"postroom/internal/mail"
	"postroom/internal/metrics"
	"postroom/internal/pgembed"
	"postroom/internal/secret"
	"postroom/internal/spool"
	"postroom/internal/tlsconf"
	"postroom/smtpd"
	"postroom/store"
	"postroom/webui"
)

// DrainTime is how long Shutdown lets sessions and deliveries finish.
const DrainTime = 20 * time.Second

// Options are what the configuration does not say.
type Options struct {
	Log          *slog.Logger
	MasterKeyEnv string // value of POSTROOM_MASTER_KEY
	Version      string
}

// Server is a running postroom.
type Server struct {
	cfg      *config.Config
	log      *slog.Logger
	began    time.Time
	gateways []netip.Addr
	doors    []*door

	lock     *os.File        // of the data directory
	pg       *pgembed.Server // nil with a database of its own
	store    *store.Store
	ring     *secret.Ring
	admin    *admin.Admin
	tls      *tlsconf.Source
	acme     *acme.Manager // nil when off
	spool    *spool.Spool
	auth     *auth.Authenticator
	resolver *dns.Client
	delivery *delivery.Delivery
	smtp     map[mail.Role]*smtpd.Server
	imap     *imapd.Server
	control  *control
	web      *webui.Server

	ready       *readiness
	metrics     *metrics.Metrics
	metricsHTTP *http.Server // nil without listen.metrics

	ctx      context.Context // ends when background work must stop
	cancel   context.CancelFunc
	work     sync.WaitGroup // maintenance and queue
	failed   chan error
	draining chan struct{}
	stopOnce sync.Once
	stopErr  error
}

// Start brings everything up in the order in which things can go wrong without
// leaving anything behind: data directory, ports, database, key, certificates, rooms. It
// returns when all doors are open. Errors are *mail.Error with a Hint.
func Start(ctx context.Context, cfg *config.Config, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	counted := metrics.New(o.Version)
	s := &Server{cfg: cfg, metrics: counted, log: slog.New(counted.Watch(o.Log.Handler())), began: time.Now(), gateways: Gateways(cfg), doors: doors(cfg),
		smtp: map[mail.Role]*smtpd.Server{}, failed: make(chan error, 8), draining: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.start(ctx, o); err != nil {
		stop, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		s.Shutdown(stop)
		return nil, err
	}
	s.log.Info("postroom is up", "version", o.Version, "hostname", cfg.Hostname, "roles", cfg.Roles,
		"listen", s.Addresses(), "took", time.Since(s.began).Round(time.Millisecond))
	return s, nil
}

func (s *Server) start(ctx context.Context, o Options) error {
	if err := s.lockDataDir(ctx, o); err != nil {
		return err
	}
	if err := bind(ctx, s.doors); err != nil {
		return err
	}
	s.countConnections()
	s.work.Go(func() { giveBack(s.ctx) })
	s.ready = &readiness{database: func(ctx context.Context) error { return s.store.CheckDurability(ctx) }, draining: s.draining}
	for _, w := range s.cfg.Warnings {
		s.log.Warn("configuration: " + w)
	}
	for _, g := range s.gateways {
		s.log.Warn("clients that the container engine carries by its proxy appear as the network's gateway: it has no per-address limits, only those per account; see docs/install.md, client addresses", "gateway", g.String())
	}
	for _, step := range []func(context.Context, Options) error{
		s.openDatabase, s.unlock, s.openTLS, s.openSpool, s.openDelivery, s.openSMTP, s.openIMAP, s.openQueue, s.openControl,
		s.openHTTP, s.startACME, s.openMetrics,
	} {
		if err := step(ctx, o); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// unlock finds the master key, or makes it on the first start.
func (s *Server) unlock(ctx context.Context, o Options) error {
	key, created, err := admin.UnlockMasterKey(ctx, s.store, s.cfg.MasterKeyFile, o.MasterKeyEnv, true)
	if err != nil {
		return err
	}
	if created {
		s.log.Warn("made the master key of this server's secrets; keep a copy of the file", "file", s.cfg.MasterKeyFile)
	}
	s.ring = secret.NewRing(key, s.cfg.MasterKeyFile, o.MasterKeyEnv)
	s.admin = admin.New(admin.Config{Store: s.store, Actor: mail.ActorSystem, Key: key,
		ScramForPasswords: s.cfg.Scram == "all"})
	return s.setPostmaster(ctx)
}

// setPostmaster writes the configured postmaster to where every node reads it.
func (s *Server) setPostmaster(ctx context.Context) error {
	if s.cfg.Postmaster == "" {
		return nil
	}
	if now, err := s.admin.Postmaster(ctx); err != nil || now == s.cfg.Postmaster {
		return err
	}
	return s.admin.SetPostmaster(ctx, s.cfg.Postmaster)
}

// spoolMemory is what a message takes in memory before it goes to a file.
const spoolMemory = 256 << 10

// openSpool removes what a killed process left: nothing there was promised.
func (s *Server) openSpool(context.Context, Options) error {
	dir := filepath.Join(s.cfg.DataDir, "spool")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return mail.Wrap(mail.CodeUnavailable, err, "the spool directory cannot be made")
	}
	if _, err := spool.Sweep(dir, 0); err != nil {
		return mail.Wrap(mail.CodeUnavailable, err, "the spool directory cannot be cleaned")
	}
	var err error
	s.spool, err = spool.New(dir, spoolMemory)
	return err
}

// Store is the store of a running server.
func (s *Server) Store() *store.Store { return s.store }

// Admin does administrative actions as the system.
func (s *Server) Admin() *admin.Admin { return s.admin }

// CAFile is what clients must trust; "" with a certificate of an authority.
func (s *Server) CAFile() string { return s.tls.CAFile() }

// Failed gives an error when a part of the server ended by itself.
func (s *Server) Failed() <-chan error { return s.failed }

func (s *Server) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// Shutdown drains: no new connections, open transactions and deliveries may
// finish within DrainTime, then everything ends, PostgreSQL last.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopOnce.Do(func() { s.stopErr = s.shutdown(ctx) })
	return s.stopErr
}

func (s *Server) shutdown(ctx context.Context) error {
	began := time.Now()
	close(s.draining)
	closeSockets(mailDoors(s.doors))
	drain, cancel := context.WithTimeout(ctx, DrainTime)
	defer cancel()
	s.cancel() // the queue worker has its own limit for what is being sent
	var wg sync.WaitGroup
	for _, srv := range s.smtp {
		wg.Go(func() { s.cut("smtp", srv.Shutdown(drain)) })
	}
	if s.imap != nil {
		wg.Go(func() { s.cut("imap", s.imap.Shutdown(drain)) })
	}
	wg.Go(func() { s.cut("background", waitFor(drain, &s.work)) })
	wg.Wait()
	s.shutdownHTTP(ctx)
	closeSockets(s.doors)
	if s.control != nil {
		s.control.close()
	}
	if s.auth != nil {
		s.auth.Save(ctx)
	}
	if s.store != nil {
		s.store.Close()
	}
	var err error
	if s.pg != nil {
		err = s.pg.Stop(ctx)
	}
	if s.lock != nil {
		s.lock.Close()
	}
	s.log.Info("postroom has stopped", "took", time.Since(began).Round(time.Millisecond))
	return err
}

// cut notes that something did not finish in time; that is no failure of the
// stop: nothing that was promised is lost.
func (s *Server) cut(part string, err error) {
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("cut off what did not finish in time", "part", part)
	}
}

func waitFor(ctx context.Context, wg *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
