// Package pgembed runs a private PostgreSQL below postroom's data directory:
// it finds Debian's programs, makes a cluster, starts it on a unix socket that
// only this user (and root) can reach, restarts it when it dies and stops it
// with us. It never listens on a network address.
package pgembed

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Names inside the cluster: the superuser and the database postroom uses.
const (
	roleName     = "postroom"
	databaseName = "postroom"
	socketPort   = "5432"
)

// Config says where the cluster lives.
type Config struct {
	DataDir string       // postroom's data directory; made when missing
	Log     *slog.Logger // nil: no log
	// Lock is what LockDataDir gave for DataDir; nil: Start takes it, and Stop
	// gives it back.
	Lock *os.File

	temporary bool // fsync off and bound to this process's life: tests
}

// Server is a running private PostgreSQL.
type Server struct {
	// URL connects to the database "postroom" as its owner.
	URL string

	cfg   Config
	place place
	bin   binaries
	lock  *os.File // ours to give back; else nil

	stopping chan struct{}
	stopOnce sync.Once
	stopped  chan struct{} // closed when the supervisor has ended
	mu       sync.Mutex
	proc     *postmaster
}

// Start starts (and on first use makes) the cluster of cfg.DataDir and returns
// when it takes connections. An orphan left by a killed postroom is stopped
// first; a second Start on one data directory is refused. Errors are
// *mail.Error with a Hint.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	dir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	cfg.DataDir = dir
	lock := cfg.Lock
	if lock == nil {
		if lock, err = LockDataDir(dir); err != nil {
			return nil, err
		}
	}
	s, err := start(ctx, cfg)
	if err == nil && cfg.Lock == nil {
		s.lock = lock
	}
	if err != nil && cfg.Lock == nil {
		lock.Close()
	}
	return s, err
}

func start(ctx context.Context, cfg Config) (*Server, error) {
	pl, err := findPlace(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	bin, err := findBinaries(pl.cluster)
	if err != nil {
		return nil, err
	}
	if err := stopOrphan(ctx, pl, cfg.Log); err != nil {
		return nil, err
	}
	if err := pl.ensureCluster(ctx, bin, cfg); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, place: pl, bin: bin,
		URL: connURL(pl.socketDir), stopping: make(chan struct{}), stopped: make(chan struct{})}
	began := time.Now()
	if s.proc, err = s.startPostmaster(ctx); err != nil {
		return nil, err
	}
	cfg.Log.Info("private PostgreSQL is up", "cluster", pl.cluster, "major", bin.major,
		"took", time.Since(began).Round(time.Millisecond))
	go s.supervise()
	return s, nil
}

// supervise restarts a postmaster that died though nobody stopped it.
func (s *Server) supervise() {
	defer close(s.stopped)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-s.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	for pause := 100 * time.Millisecond; ; {
		began := time.Now()
		select {
		case <-s.stopping:
			return
		case <-s.current().done:
		}
		if s.isStopping() {
			return
		}
		s.cfg.Log.Error("private PostgreSQL ended by itself; starting it again", "log", s.place.logFile())
		if time.Since(began) > time.Minute {
			pause = 100 * time.Millisecond
		}
		for {
			p, err := s.startPostmaster(ctx)
			if err == nil {
				s.setCurrent(p)
				break
			}
			s.cfg.Log.Error("private PostgreSQL does not start", "err", err, "again_in", pause)
			select {
			case <-s.stopping:
				return
			case <-time.After(pause):
			}
			pause = min(2*pause, 10*time.Second)
		}
	}
}

func (s *Server) current() *postmaster {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc
}

func (s *Server) setCurrent(p *postmaster) {
	s.mu.Lock()
	s.proc = p
	s.mu.Unlock()
}

func (s *Server) isStopping() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// PID is the postmaster's process id, for tests that kill it.
func (s *Server) PID() int { return s.current().pid }

// Stop shuts the cluster down: fast (open transactions are rolled back),
// immediate when ctx ends first. It returns when the postmaster has ended.
func (s *Server) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() { close(s.stopping) })
	<-s.stopped
	err := s.current().stop(ctx)
	if s.lock != nil {
		s.lock.Close()
	}
	return err
}

// URL gives the connection URL of the private PostgreSQL that runs for
// dataDir, for the command line beside a running server. ErrNotRunning when
// none runs there.
func URL(dataDir string) (string, error) {
	dir, err := filepath.Abs(dataDir)
	if err != nil {
		return "", err
	}
	pl, err := lookupPlace(dir)
	if err != nil {
		return "", err
	}
	pid, err := readPIDFile(pl.cluster)
	if err != nil || !pid.alive() || pid.status != "ready" {
		return "", ErrNotRunning
	}
	return connURL(pid.socketDir), nil
}

// ErrNotRunning says that no private PostgreSQL runs for a data directory.
var ErrNotRunning = errors.New("no private PostgreSQL runs on this data directory")

func connURL(socketDir string) string {
	q := url.Values{"host": {socketDir}, "port": {socketPort}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", User: url.User(roleName), Path: "/" + databaseName, RawQuery: q.Encode()}
	return u.String()
}
