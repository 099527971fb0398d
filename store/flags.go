package store

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// sqlStore changes flags in one statement, under the lock taken before it:
// $1 account, $2 mailbox, $3 and $4 UID ranges, $5 flags, $6 keywords, $7 the
// highest modseq that may be changed, $8 flags to keep. cur has the old values,
// which RETURNING does not give. In the form for one range, $3 to $4, the rows
// are updated along the index, at half the cost of looking each of them up.
func sqlStore(c storeColumns, one bool) string {
	picked, update := sqlPicked, `FROM cur p WHERE p.changed AND NOT p.late AND `+sqlIsPicked
	set := `flags = p.flags, keywords = p.keywords`
	if one {
		picked = `mailbox_messages m WHERE ` + sqlInRange
		update = `WHERE ` + sqlInRange + ` AND (` + c.changed + `) AND m.modseq <= $7`
		set = `flags = ` + c.flags + `, keywords = ` + c.keywords
	}
	return fmt.Sprintf(`WITH st AS MATERIALIZED (
			SELECT s.*, s.highestmodseq + 1 AS modseq FROM mailbox_counters s WHERE s.account_id = $1 AND s.mailbox_id = $2
		), cur AS MATERIALIZED (
			SELECT m.account_id, m.mailbox_id, m.uid, m.modseq, m.size, m.flags AS was, %[1]s AS flags, %[2]s AS keywords,
				%[3]s AS changed, m.modseq > $7 AS late
			FROM %[4]s
		), upd AS (
			UPDATE mailbox_messages m SET modseq = (SELECT modseq FROM st), %[5]s
			%[6]s
		), d AS (
			SELECT count(*) AS n, range_agg(int8range(uid, uid + 1)) AS uids,
				coalesce(sum((was & 1) - (flags & 1)), 0) AS unseen,
				coalesce(sum(((flags & 8) - (was & 8)) / 8), 0) AS deleted,
				coalesce(sum(((flags & 8) - (was & 8)) / 8 * size), 0) AS deleted_bytes
			FROM cur WHERE changed AND NOT late
		), logged AS (
			INSERT INTO mailbox_changes (%[7]s)
			SELECT $1, $2, st.modseq, 'f', d.uids, st.uidnext, st.messages, st.unseen + d.unseen, st.deleted + d.deleted,
				st.bytes, st.deleted_bytes + d.deleted_bytes FROM st, d WHERE d.n > 0
		)
		SELECT cur.uid, CASE WHEN changed AND NOT late THEN st.modseq ELSE cur.modseq END,
			cur.flags, cur.keywords, late, changed AND NOT late
		FROM cur, st ORDER BY cur.uid`, c.flags, c.keywords, c.changed, picked, set, update, changeColumns)
}

// storeColumns are the expressions of a mode: the new flags and keywords of
// mailbox_messages m, and whether they differ from the old.
type storeColumns struct{ flags, keywords, changed string }

// The statements of each mode, without and with keywords, each for any ranges
// and for one. The parameters are named in all of them, so that all take the
// same arguments.
var sqlStores = func() map[mail.StoreMode][2][2]string {
	all := map[mail.StoreMode][2][2]string{}
	for mode, columns := range map[mail.StoreMode][2]storeColumns{
		mail.StoreSet: {
			{`(m.flags & $8::smallint | $5::smallint)`, `$6::smallint[]`,
				`m.flags <> (m.flags & $8::smallint | $5::smallint) OR m.keywords <> $6::smallint[]`},
			{`(m.flags & $8::smallint | $5::smallint)`, `$6::smallint[]`,
				`m.flags <> (m.flags & $8::smallint | $5::smallint) OR m.keywords <> $6::smallint[]`},
		},
		mail.StoreSetFlags: {
			{`(m.flags & $8::smallint | $5::smallint)`, `m.keywords`,
				`m.flags <> (m.flags & $8::smallint | $5::smallint) AND $6::smallint[] IS NOT NULL`},
		},
		mail.StoreAdd: {
			{`(m.flags | $5::smallint | 0::smallint * $8::smallint)`, `m.keywords`,
				`m.flags & $5::smallint <> $5::smallint AND $6::smallint[] IS NOT NULL`},
			{`(m.flags | $5::smallint | 0::smallint * $8::smallint)`,
				`ARRAY(SELECT DISTINCT k FROM unnest(m.keywords || $6::smallint[]) AS k ORDER BY k)`,
				`m.flags & $5::smallint <> $5::smallint OR NOT m.keywords @> $6::smallint[]`},
		},
		mail.StoreRemove: {
			{`(m.flags & ~$5::smallint | 0::smallint * $8::smallint)`, `m.keywords`,
				`m.flags & $5::smallint <> 0 AND $6::smallint[] IS NOT NULL`},
			{`(m.flags & ~$5::smallint | 0::smallint * $8::smallint)`,
				`ARRAY(SELECT k FROM unnest(m.keywords) AS k WHERE k <> ALL ($6::smallint[]) ORDER BY k)`,
				`m.flags & $5::smallint <> 0 OR m.keywords && $6::smallint[]`},
		},
	} {
		all[mode] = [2][2]string{
			{sqlStore(columns[0], false), sqlStore(columns[0], true)},
			{sqlStore(columns[1], false), sqlStore(columns[1], true)},
		}
	}
	return all
}()

// StoreFlags changes flags, in slices of a transaction each. A message that
// already is as asked keeps its modseq. On an error the result holds what was
// committed before. CodeNotFound: no such mailbox; CodeTooMany: no room for a
// new keyword; CodeInvalid: a keyword is not an atom.
func (s *Store) StoreFlags(ctx context.Context, a mail.StoreArgs) (mail.StoreResult, error) {
	var res mail.StoreResult
	keywords, err := s.storeKeywords(ctx, a)
	if err != nil {
		return res, err
	}
	slices, err := s.slices(ctx, a.Account, a.Mailbox, a.UIDs, 0)
	if err != nil {
		return res, err
	}
	for _, set := range slices {
		if err := s.storeSlice(ctx, a, set, keywords, &res); err != nil {
			return res, err
		}
	}
	return res, nil
}

// storeKeywords gives the numbers; removing a keyword that has none makes none.
func (s *Store) storeKeywords(ctx context.Context, a mail.StoreArgs) ([]int16, error) {
	switch {
	case len(a.Keywords) == 0:
		return []int16{}, nil
	case a.Mode == mail.StoreRemove:
		return s.knownKeywords(ctx, a.Account, a.Keywords)
	}
	return s.keywordIDs(ctx, a.Account, a.Keywords)
}

func (s *Store) storeSlice(ctx context.Context, a mail.StoreArgs, set mail.UIDSet, keywords []int16, res *mail.StoreResult) error {
	unchanged := int64(math.MaxInt64)
	if a.UnchangedSince != nil {
		unchanged = int64(min(*a.UnchangedSince, math.MaxInt64))
	}
	sql, lo, hi := forSet(sqlStores[a.Mode][min(len(keywords), 1)], set)
	var found []mail.MailboxID
	var slice stored
	err := s.pinned(ctx, func(b *pgx.Batch) {
		slice = stored{}
		queueLock(b, a.Account, &found, a.Mailbox)
		b.Queue(sql, a.Account, a.Mailbox, lo, hi, int16(a.Flags&^a.Keep), keywords, unchanged, int16(a.Keep)).Query(slice.read)
	})
	if err == nil && len(found) == 0 {
		err = noMailbox()
	}
	if err != nil {
		return err
	}
	res.Rows = append(res.Rows, slice.rows...)
	for _, uid := range slice.late {
		res.Modified.Append(uid)
	}
	if slice.modseq > 0 {
		res.ModSeq = slice.modseq
		s.changed(a.Account, a.Mailbox, slice.modseq)
	}
	return nil
}

// stored collects the answer of one sqlStore.
type stored struct {
	rows   []mail.MessageFlags
	late   []mail.UID
	modseq mail.ModSeq
}

func (r *stored) read(rows pgx.Rows) error {
	if err := binaryOnly(rows, 0, 1, 2, 3, 4, 5); err != nil {
		return err
	}
	for rows.Next() {
		v := rows.RawValues()
		m := rawFlags(v)
		if v[4][0] != 0 {
			r.late = append(r.late, m.UID)
			continue
		}
		if v[5][0] != 0 {
			r.modseq = m.ModSeq
		}
		r.rows = append(r.rows, m)
	}
	return rows.Err()
}
