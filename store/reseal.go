package store

import (
	"bytes"
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// Reseal replaces the master key: reseal turns every sealed secret of table
// and row into one under the new key, and the fingerprint becomes next. All in
// one transaction, so that a dump never holds secrets under two keys. drop,
// when true, instead forgets what reseal cannot open (the old key is lost):
// smarthost passwords become none; DKIM keys, the secrets of return addresses,
// certificates, ticket keys and what the ACME client keeps are deleted, to be had
// anew.
func (s *Store) Reseal(ctx context.Context, actor mail.Actor, now, next []byte, drop bool,
	reseal func(table, row string, sealed []byte) ([]byte, error)) (n int, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		n = 0
		var bound []byte
		if err := tx.QueryRow(ctx, `SELECT master_key_fingerprint FROM instance FOR UPDATE`).Scan(&bound); err != nil {
			return err
		}
		if !drop && !bytes.Equal(bound, now) {
			return wrongKey(bound)
		}
		for _, table := range []sealedTable{sealedKeys, sealedSmarthosts, sealedCertificates, sealedACMEFiles, sealedTicketKeys, sealedReturns} {
			k, err := table.reseal(ctx, tx, drop, reseal)
			if err != nil {
				return err
			}
			n += k
		}
		if _, err := tx.Exec(ctx, `UPDATE instance SET master_key_fingerprint = $1`, next); err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "key.rotate", "instance", detail{"secrets": n, "dropped_unreadable": drop})
	})
	return n, err
}

// sealedTable names a table with secrets and the SQL that walks it.
type sealedTable struct {
	name, read, write, drop string
}

var (
	sealedKeys = sealedTable{
		name: "domain_keys",
		read: `SELECT k.id::text, d.name || '/' || k.selector, k.secret FROM domain_keys k
			JOIN domains d ON d.id = k.domain_id ORDER BY k.id FOR UPDATE OF k`,
		write: `UPDATE domain_keys SET secret = $2 WHERE id = $1::text::bigint`,
		drop:  `DELETE FROM domain_keys WHERE id = $1::text::bigint`,
	}
	sealedSmarthosts = sealedTable{
		name: "smarthosts",
		read: `SELECT domain, domain, password FROM smarthosts WHERE password IS NOT NULL ORDER BY domain FOR UPDATE`,

		write: `UPDATE smarthosts SET password = $2 WHERE domain = $1`,
		drop:  `UPDATE smarthosts SET password = NULL WHERE domain = $1`,
	}
	sealedCertificates = sealedTable{
		name:  "certificates",
		read:  `SELECT name, name, sealed FROM certificates WHERE sealed IS NOT NULL ORDER BY name FOR UPDATE`,
		write: `UPDATE certificates SET sealed = $2 WHERE name = $1`,
		drop:  `DELETE FROM certificates WHERE name = $1`,
	}
	sealedACMEFiles = sealedTable{
		name:  "acme_files",
		read:  `SELECT path, path, sealed FROM acme_files ORDER BY path FOR UPDATE`,
		write: `UPDATE acme_files SET sealed = $2 WHERE path = $1`,
		drop:  `DELETE FROM acme_files WHERE path = $1`,
	}
	sealedReturns = sealedTable{
		name:  "return_secrets",
		read:  `SELECT id::text, id::text, secret FROM return_secrets ORDER BY id FOR UPDATE`,
		write: `UPDATE return_secrets SET secret = $2 WHERE id = $1::text::bigint`,
		drop:  `DELETE FROM return_secrets WHERE id = $1::text::bigint`,
	}
	sealedTicketKeys = sealedTable{
		name:  "ticket_keys",
		read:  `SELECT day::text, to_char(day, 'YYYY-MM-DD'), sealed FROM ticket_keys ORDER BY day FOR UPDATE`,
		write: `UPDATE ticket_keys SET sealed = $2 WHERE day = $1::text::date`,
		drop:  `DELETE FROM ticket_keys WHERE day = $1::text::date`,
	}
)

func (t sealedTable) reseal(ctx context.Context, tx pgx.Tx, drop bool,
	reseal func(table, row string, sealed []byte) ([]byte, error)) (int, error) {
	type secret struct {
		Key, Row string
		Sealed   []byte
	}
	rows, err := tx.Query(ctx, t.read)
	if err != nil {
		return 0, err
	}
	secrets, err := pgx.CollectRows(rows, pgx.RowToStructByPos[secret])
	if err != nil {
		return 0, err
	}
	n := 0
	b := &pgx.Batch{}
	for _, x := range secrets {
		sealed, err := reseal(t.name, x.Row, x.Sealed)
		switch {
		case err == nil:
			b.Queue(t.write, x.Key, sealed)
			n++
		case drop:
			b.Queue(t.drop, x.Key)
		default:
			return 0, mail.Wrap(mail.CodeConflict, err, "the secret of "+t.name+" "+x.Row+" cannot be opened")
		}
	}
	return n, tx.SendBatch(ctx, b).Close()
}
