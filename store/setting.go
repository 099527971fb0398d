package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// SettingPostmaster holds, as a JSON string, the address that gets the mail of
// postmaster@ and abuse@ where nobody else does.
const SettingPostmaster = "postmaster"

// settingScram holds the secret of ScramSecret.
const settingScram = "scram_secret"

// ScramSecret gives 32 random octets, made on first use and then the same for
// every node and for as long as the database lives: SCRAM's salts come of
// them (auth.Factors).
func (s *Store) ScramSecret(ctx context.Context) ([]byte, error) {
	var secret []byte
	if ok, err := s.Setting(ctx, settingScram, &secret); ok || err != nil {
		return secret, err
	}
	made := make([]byte, 32)
	_, _ = rand.Read(made)
	value, err := json.Marshal(made)
	if err != nil {
		return nil, err
	}
	// Another node may be first; then its secret counts.
	if _, err := s.pool.Exec(ctx, `INSERT INTO settings (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO NOTHING`, settingScram, value); err != nil {
		return nil, dbError(err)
	}
	_, err = s.Setting(ctx, settingScram, &secret)
	return secret, err
}

// Setting reads one setting into value; false when it was never set.
func (s *Store) Setting(ctx context.Context, name string, value any) (bool, error) {
	var b []byte
	err := s.pool.QueryRow(ctx, `SELECT value FROM settings WHERE name = $1`, name).Scan(&b)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, dbError(err)
	}
	if err := json.Unmarshal(b, value); err != nil {
		return false, mail.Wrap(mail.CodeInternal, err, "setting "+name+" has an unexpected form")
	}
	return true, nil
}

// Settings gives all that was ever set, by name.
func (s *Store) Settings(ctx context.Context) ([]mail.Setting, error) {
	rows, err := s.pool.Query(ctx, `SELECT name, value, updated_at FROM settings ORDER BY name`)
	if err != nil {
		return nil, dbError(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[mail.Setting])
	return out, dbError(err)
}

// SetSetting writes one setting; nil removes it.
func (s *Store) SetSetting(ctx context.Context, actor mail.Actor, name string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return mail.Wrap(mail.CodeInvalid, err, "that setting's value cannot be kept")
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if value == nil {
			_, err = tx.Exec(ctx, `DELETE FROM settings WHERE name = $1`, name)
		} else {
			_, err = tx.Exec(ctx, `INSERT INTO settings (name, value) VALUES ($1, $2)
				ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = now()`, name, b)
		}
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "setting.set", name, detail{"value": value})
	})
}
