package store

import (
	"context"

	"postroom/internal/mail"
)

// CheckDurability refuses a PostgreSQL that may lose what it has committed:
// a 250 would then promise nothing.
func (s *Store) CheckDurability(ctx context.Context) error {
	for _, name := range []string{"fsync", "full_page_writes"} {
		var value string
		if err := s.pool.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&value); err != nil {
			return dbError(err)
		}
		if value != "on" {
			e := mail.Errorf(mail.CodeInvalid, "PostgreSQL runs with %s = %s: accepted mail could be lost", name, value)
			e.Hint = "set " + name + " = on in postgresql.conf and restart PostgreSQL"
			return e
		}
	}
	return nil
}
