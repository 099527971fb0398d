package pgembed

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Temporary is a throw-away cluster for tests: no fsync, removed by Stop,
// ended by the kernel when this process dies.
type Temporary struct {
	*Server
	dir string
}

// temporaryPattern names the directories of temporary clusters.
const temporaryPattern = "postroom-testpg-"

// StartTemporary makes and starts a throw-away cluster.
func StartTemporary(ctx context.Context, log *slog.Logger) (*Temporary, error) {
	sweepTemporary()
	dir, err := os.MkdirTemp("", temporaryPattern)
	if err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		if err := os.Chmod(dir, 0o711); err != nil {
			return nil, err
		}
	}
	s, err := Start(ctx, Config{DataDir: dir, Log: log, temporary: true})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &Temporary{s, dir}, nil
}

// Stop ends the cluster and removes it.
func (t *Temporary) Stop(ctx context.Context) error {
	return errors.Join(t.Server.Stop(ctx), os.RemoveAll(t.dir))
}

// sweepTemporary removes clusters whose process was killed before it could.
func sweepTemporary() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), temporaryPattern+"*"))
	for _, d := range dirs {
		st, err := os.Stat(d)
		if err != nil || time.Since(st.ModTime()) < 10*time.Minute {
			continue
		}
		if f, err := readPIDFile(filepath.Join(d, "postgres")); err == nil && f.alive() {
			continue
		}
		os.RemoveAll(d)
	}
}
