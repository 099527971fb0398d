package server

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"postroom/internal/config"
	"postroom/internal/mail"
	"postroom/internal/pgembed"
)

// lockDataDir keeps the data directory for this process alone, whichever
// database it uses: spool, keys and the node's name stand there.
func (s *Server) lockDataDir(context.Context, Options) (err error) {
	s.lock, err = pgembed.LockDataDir(s.cfg.DataDir)
	return err
}

// nodeName names this process among all that share its database, and its
// successors on this data directory after a crash: they may take back at once
// what it had leased. The host name alone would not do, since two servers may
// have the same one. The data directory's lock must be held.
func nodeName(cfg *config.Config) (string, error) {
	path := filepath.Join(cfg.DataDir, "node.id")
	id, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(strings.TrimSpace(string(id))) == 0 {
		id = []byte(rand.Text())
		err = os.WriteFile(path, append(id, '\n'), 0o600)
	}
	if err != nil {
		return "", mail.Wrap(mail.CodeUnavailable, err, "the node's id in the data directory cannot be read or made")
	}
	return cfg.Hostname + " " + strings.TrimSpace(string(id)), nil
}
