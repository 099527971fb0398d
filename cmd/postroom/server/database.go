package server

import (
	"context"
	"time"

	"postroom/internal/crashpoint"
	"postroom/internal/mail"
	"postroom/internal/pgembed"
	"postroom/internal/spool"
	"postroom/store"
)

// databaseWait is how long a start waits for a database that is not there yet:
// beside a database that starts at the same time.
const databaseWait = time.Minute

// openDatabase starts the private PostgreSQL unless another is configured,
// opens and migrates the database, and refuses one that would lose mail.
func (s *Server) openDatabase(ctx context.Context, _ Options) error {
	url := s.cfg.DatabaseURL
	if url == "" {
		pg, err := pgembed.Start(ctx, pgembed.Config{DataDir: s.cfg.DataDir, Log: s.log, Lock: s.lock})
		if err != nil {
			return err
		}
		s.pg, url = pg, pg.URL
	}
	node, err := nodeName(s.cfg)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(databaseWait)
	for {
		st, err := store.Open(ctx, store.Config{URL: url, NodeName: node, Log: s.log,
			Decompress: spool.ReadChunk, Hook: crashpoint.Hook})
		if err == nil {
			s.store = st
			return st.CheckDurability(ctx)
		}
		if s.pg != nil || !mail.Is(err, mail.CodeUnavailable) || time.Now().After(deadline) {
			return err
		}
		s.log.Warn("the database does not answer yet; trying again", "err", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}
