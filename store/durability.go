package store

import (
	"context"

	"postroom/internal/mail"
)

// CheckDurability refuses a PostgreSQL that may lose or tear what it said is
// committed: fsync=off or full_page_writes=off (mail.CodeInvalid). A default
// of synchronous_commit=off is no reason: postroom's connections set it on.
func (s *Store) CheckDurability(ctx context.Context) error {
	var fsync, pages string
	err := s.pool.QueryRow(ctx, "SELECT current_setting('fsync'), current_setting('full_page_writes')").Scan(&fsync, &pages)
	if err != nil {
		return dbError(err)
	}
	for _, v := range []struct{ name, value string }{{"fsync", fsync}, {"full_page_writes", pages}} {
		if v.value != "on" {
			return &mail.Error{Code: mail.CodeInvalid, Text: "the database runs with " + v.name + "=off: a power cut would lose mail that was accepted",
				Hint: "set " + v.name + " = on in postgresql.conf and reload PostgreSQL"}
		}
	}
	return nil
}
