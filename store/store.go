package store

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"postroom/internal/mail"
)

// Config says how to reach the database. Only URL is needed.
type Config struct {
	URL      string // postgres://… or key=value, as libpq reads it
	NodeName string // shown in the nodes table
	Log      *slog.Logger

	// MaxConns bounds the pool of everything but deliveries; 0 means 16.
	MaxConns int32
	// Committers is the number of group committers; 0 means one for every two
	// processors, which leaves them for PostgreSQL and the protocols: on two,
	// one committer makes groups twice as large at three quarters of
	// PostgreSQL's work for each message.
	Committers int
	// NoMigrate makes Open refuse a database that is behind instead of
	// migrating it: for commands beside a running server.
	NoMigrate bool
	// PollEvery is the time between comparisons of what is watched with the
	// database, which heal lost notifications; 0 means 30 s.
	PollEvery time.Duration
	// Decompress appends the plain octets of one stored chunk to dst. Without it
	// no blob can be read.
	Decompress func(dst, stored []byte) ([]byte, error)
	// Hook is called at named points, for tests that kill or break there.
	Hook func(point string)
	// Dial replaces the way a connection is made; nil means the usual one.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Store is one node's access to the database. It is safe for concurrent use.
type Store struct {
	cfg  Config
	log  *slog.Logger
	pool *pgxpool.Pool // reads, IMAP writes, directory, queue
	// deliver has connections whose planner settings suit the few statements
	// of delivery, and which no reader can exhaust.
	deliver *pgxpool.Pool

	ids      *idSource
	hub      *hub
	lane     *lanes
	lookups  *lookups
	identity identity

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// Open connects, migrates (unless NoMigrate), takes a node slot and starts the
// goroutines of this node. It fails with mail.CodeUnavailable when the
// database cannot be reached, and with mail.CodeConflict when its schema is
// newer than this program, or older and NoMigrate is set.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 16
	}
	if cfg.Committers == 0 {
		cfg.Committers = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if cfg.PollEvery == 0 {
		cfg.PollEvery = 30 * time.Second
	}
	if cfg.Decompress == nil {
		cfg.Decompress = func(_, _ []byte) ([]byte, error) { return nil, errors.New("no Decompress in store.Config") }
	}
	s := &Store{cfg: cfg, log: cfg.Log}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if err := s.start(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) start(ctx context.Context) (err error) {
	if s.pool, err = s.newPool(ctx, s.cfg.MaxConns, setPool); err != nil {
		return err
	}
	if s.deliver, err = s.newPool(ctx, int32(s.cfg.Committers)+sideWriters+aloneWriters, setDeliver); err != nil {
		return err
	}
	if s.cfg.NoMigrate {
		err = s.checkVersion(ctx)
	} else {
		err = s.Migrate(ctx)
	}
	if err != nil {
		return err
	}
	if err := s.settleIdentity(ctx); err != nil {
		return err
	}
	if s.ids, err = s.newIDSource(ctx); err != nil {
		return err
	}
	s.hub = newHub(s)
	s.lane = newLanes(s)
	s.lookups = newLookups(s)
	s.run(s.ids.renewLoop)
	s.run(s.hub.sendLoop)
	s.run(s.hub.listenLoop)
	s.run(s.hub.pollLoop)
	return nil
}

// run starts a goroutine that lives until Close.
func (s *Store) run(f func(context.Context)) {
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		f(s.ctx)
	}()
}

// Close waits for the deliveries that were begun, gives the node slot back and
// closes the connections.
func (s *Store) Close() {
	if s.lane != nil {
		s.lane.close()
	}
	s.stop()
	s.wg.Wait()
	if s.ids != nil {
		s.ids.release()
	}
	for _, p := range []*pgxpool.Pool{s.pool, s.deliver} {
		if p != nil {
			p.Close()
		}
	}
}

func (s *Store) hook(point string) {
	if s.cfg.Hook != nil {
		s.cfg.Hook(point)
	}
}

// setPool undoes a database or role default of synchronous_commit=off, for
// what postroom promises is on disk; and it plans each statement once per
// connection: over partitioned tables, planning takes several times as long as
// the statements themselves (0.7 ms against 0.1 ms for one recipient).
// A plan made while a table was empty must not read it whole later.
const setPool = `SELECT set_config('plan_cache_mode', 'force_generic_plan', false), set_config('jit', 'off', false),
	set_config('enable_seqscan', 'off', false),
	(SELECT set_config('synchronous_commit', 'on', false)
	 WHERE current_setting('synchronous_commit') = 'off')`

// setDeliver pins the plans of delivery's statements: generic, and by key
// through the index whatever the statistics say, for they join a few dozen
// array elements to tables of any size.
const setDeliver = `SELECT set_config('plan_cache_mode', 'force_generic_plan', false),
	set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false),
	set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false),
	(SELECT set_config('synchronous_commit', 'on', false)
	 WHERE current_setting('synchronous_commit') = 'off')`

// deliverName is the application_name of connections that write deliveries.
const deliverName = "postroom deliver"

func (s *Store) newPool(ctx context.Context, conns int32, onConnect string) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig(s.cfg.URL)
	if err != nil {
		return nil, mail.Wrap(mail.CodeInvalid, err, "the database URL cannot be read")
	}
	pc.MaxConns = conns
	if onConnect == setDeliver {
		pc.ConnConfig.RuntimeParams["application_name"] = deliverName
	}
	s.tuneConn(pc.ConnConfig)
	pc.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		if _, err := c.Exec(ctx, onConnect); err != nil {
			return err
		}
		return s.checkIdentity(ctx, c)
	}
	p, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, dbError(err)
	}
	if err := p.Ping(ctx); err != nil {
		p.Close()
		return nil, dbError(err)
	}
	return p, nil
}

func (s *Store) tuneConn(cc *pgx.ConnConfig) {
	if cc.ConnectTimeout == 0 {
		cc.ConnectTimeout = 5 * time.Second
	}
	if _, ok := cc.RuntimeParams["application_name"]; !ok {
		cc.RuntimeParams["application_name"] = "postroom"
	}
	cc.RuntimeParams["timezone"] = "UTC"
	if s.cfg.Dial != nil {
		cc.DialFunc = s.cfg.Dial
	}
}

// connect makes a connection outside the pools.
func (s *Store) connect(ctx context.Context) (*pgx.Conn, error) {
	cc, err := pgx.ParseConfig(s.cfg.URL)
	if err != nil {
		return nil, mail.Wrap(mail.CodeInvalid, err, "the database URL cannot be read")
	}
	s.tuneConn(cc)
	c, err := pgx.ConnectConfig(ctx, cc)
	return c, dbError(err)
}
