package main

import (
	"postroom/internal/spool"
	"postroom/store"
)

type migrateCmd struct{}

func (migrateCmd) Run(e *env) error {
	url, _, err := e.databaseURL()
	if err != nil {
		return err
	}
	var s *store.Store
	err = e.working("migrating", func() (err error) {
		s, err = store.Open(e.ctx, store.Config{URL: url, NodeName: "migrate", Log: e.log(), MaxConns: 4, Committers: 1, Decompress: spool.ReadChunk})
		return err
	})
	if err != nil {
		return err
	}
	s.Close()
	return e.result(map[string]bool{"migrated": true}, func() { e.say("The database has this version's schema.") })
}
