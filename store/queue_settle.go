package store

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// Settle ends leases: delivered and failed entries go, deferred and returned
// ones become ready again; with them their events and the DSNs that report
// them, in one transaction. A settlement whose lease was lost changes nothing
// and gets mail.CodeExpired in its result; one that shares a DSN with such a
// one gets mail.CodeConflict. The error is of the whole: nothing was written,
// or (CodeUnavailable) perhaps all; calling it again is safe, since settled
// entries then come back as CodeExpired.
func (s *Store) Settle(ctx context.Context, settlements []mail.Settlement, dsns []mail.QueueDSN) ([]mail.SettleResult, error) {
	for _, d := range dsns {
		if d.Delivery.Trace == 0 { // the timeline of the reported message names it
			d.Delivery.Trace = mail.TraceID(s.NewID())
		}
	}
	var w *settleWork
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		w = &settleWork{settlements: settlements, dsns: dsns, committed: func() {}}
		if err := w.lock(ctx, tx); err != nil {
			return err
		}
		w.judge()
		return w.write(ctx, tx, s)
	})
	if err != nil {
		return nil, err
	}
	w.committed()
	return w.results, nil
}

// settleWork is one call of Settle.
type settleWork struct {
	settlements []mail.Settlement
	dsns        []mail.QueueDSN

	held      map[mail.EntryID]settled
	results   []mail.SettleResult
	send      []int  // places in dsns that go out
	committed func() // to run after the commit
}

// settled is what a locked entry tells.
type settled struct {
	message   mail.TraceID
	account   mail.AccountID
	recipient string
	token     mail.LeaseToken
	delayed   bool // its delay DSN was sent
}

func (w *settleWork) lock(ctx context.Context, tx pgx.Tx) error {
	ids := make([]int64, len(w.settlements))
	for i, x := range w.settlements {
		ids[i] = int64(x.Entry)
	}
	rows, err := tx.Query(ctx, `SELECT e.id, e.queue_message_id, m.account_id, e.recipient, e.lease_token, e.delay_dsn_at IS NOT NULL
		FROM queue_entries e JOIN queue_messages m ON m.id = e.queue_message_id
		WHERE e.id = ANY($1) AND e.state = 'leased' ORDER BY e.id FOR UPDATE OF e`, ids)
	if err != nil {
		return err
	}
	w.held = make(map[mail.EntryID]settled, len(ids))
	var id mail.EntryID
	var x settled
	_, err = pgx.ForEachRow(rows, []any{&id, &x.message, &x.account, &x.recipient, &x.token, &x.delayed}, func() error {
		w.held[id] = x
		return nil
	})
	return err
}

// judge decides which settlements stand and which DSNs go out.
func (w *settleWork) judge() {
	w.results = make([]mail.SettleResult, len(w.settlements))
	at := make(map[mail.EntryID]int, len(w.settlements))
	for i, x := range w.settlements {
		w.results[i].Entry = x.Entry
		if _, twice := at[x.Entry]; twice || w.held[x.Entry].token != x.Token || x.Token == 0 {
			w.results[i].Err = mail.Errorf(mail.CodeExpired, "the lease of this queue entry is over")
			continue
		}
		at[x.Entry] = i
	}
	stands := func(e mail.EntryID) bool {
		i, ok := at[e]
		return ok && w.results[i].Err == nil
	}
	// A conflict can break up another DSN that shares an entry: until nothing changes.
	for again := true; again; {
		again = false
		for _, d := range w.dsns {
			if !slices.ContainsFunc(d.Entries, func(e mail.EntryID) bool { return !stands(e) }) {
				continue
			}
			for _, e := range d.Entries {
				if stands(e) {
					w.results[at[e]].Err = mail.Errorf(mail.CodeConflict, "a DSN for this queue entry names one whose lease is over")
					again = true
				}
			}
		}
	}
	for i, d := range w.dsns {
		lost := slices.ContainsFunc(d.Entries, func(e mail.EntryID) bool { return !stands(e) })
		told := d.Kind == mail.DSNDelay && slices.ContainsFunc(d.Entries, func(e mail.EntryID) bool { return w.held[e].delayed })
		if !lost && !told {
			w.send = append(w.send, i)
		}
	}
}

func (w *settleWork) write(ctx context.Context, tx pgx.Tx, s *Store) error {
	var gone, messages []int64
	var back settleRows
	var events []mail.Event
	for i, x := range w.settlements {
		if w.results[i].Err != nil {
			continue
		}
		e := w.held[x.Entry]
		switch x.Outcome {
		case mail.OutcomeDelivered, mail.OutcomeFailed:
			gone, messages = append(gone, int64(x.Entry)), append(messages, int64(e.message))
		case mail.OutcomeDeferred, mail.OutcomeReturned:
			back.add(x)
		default:
			return mail.Errorf(mail.CodeInvalid, "a settlement needs an outcome")
		}
		if kind, ok := outcomeEvents[x.Outcome]; ok {
			events = append(events, mail.Event{Trace: e.message, Kind: kind, Account: e.account, Recipient: e.recipient,
				Peer: x.Reply.Remote, Text: replyText(x.Reply)})
		}
	}
	if err := back.write(ctx, tx); err != nil {
		return err
	}
	if len(gone) > 0 {
		if _, err := tx.Exec(ctx, `DELETE FROM queue_entries WHERE id = ANY($1)`, gone); err != nil {
			return err
		}
	}
	if err := s.writeEvents(ctx, tx, events); err != nil {
		return err
	}
	if err := w.countFailures(ctx, tx); err != nil {
		return err
	}
	if err := w.suppressBounced(ctx, tx); err != nil {
		return err
	}
	if err := dropFinished(ctx, tx, messages); err != nil {
		return err
	}
	s.hook("settle.before-dsn")
	return w.sendDSNs(ctx, tx, s)
}

// outcomeEvents tells the timeline's word for an outcome. A returned entry was
// not tried: nothing happened to it.
var outcomeEvents = map[mail.Outcome]mail.EventKind{
	mail.OutcomeDelivered: mail.EventDelivered,
	mail.OutcomeDeferred:  mail.EventDeferred,
	mail.OutcomeFailed:    mail.EventFailed,
}

// settleRows are the columns of entries that become ready again. Next is
// carried as a wait, so that this node's clock need not agree with the
// database's.
type settleRows struct {
	ids, tried, codes      []int64
	waits                  []time.Duration
	statuses, texts, hosts []string
}

func (r *settleRows) add(x mail.Settlement) {
	tried := int64(0)
	if x.Outcome == mail.OutcomeDeferred {
		tried = 1
	}
	wait := time.Duration(0)
	if !x.Next.IsZero() {
		wait = max(0, time.Until(x.Next))
	}
	r.ids, r.tried, r.waits = append(r.ids, int64(x.Entry)), append(r.tried, tried), append(r.waits, wait)
	r.codes, r.statuses = append(r.codes, int64(x.Reply.Code)), append(r.statuses, safeText(x.Reply.Status))
	r.texts, r.hosts = append(r.texts, safeText(x.Reply.Text)), append(r.hosts, safeText(x.Reply.Remote))
}

func (r *settleRows) write(ctx context.Context, tx pgx.Tx) error {
	if len(r.ids) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `UPDATE queue_entries e SET state = 'ready', lease_token = NULL, lease_until = NULL,
			next_attempt_at = now() + x.wait, attempts = e.attempts + x.tried::int,
			last_attempt_at = CASE WHEN x.tried = 1 THEN now() ELSE e.last_attempt_at END,
			last_code = CASE WHEN x.tried = 1 THEN x.code::int ELSE e.last_code END,
			last_status = CASE WHEN x.tried = 1 THEN x.status ELSE e.last_status END,
			last_text = CASE WHEN x.tried = 1 THEN x.reply ELSE e.last_text END,
			last_remote = CASE WHEN x.tried = 1 THEN x.remote ELSE e.last_remote END
		FROM unnest($1::bigint[], $2::bigint[], $3::interval[], $4::bigint[], $5::text[], $6::text[], $7::text[])
			AS x (id, tried, wait, code, status, reply, remote)
		WHERE e.id = x.id`, r.ids, r.tried, r.waits, r.codes, r.statuses, r.texts, r.hosts)
	return err
}

// replyText is how the timeline quotes a next hop.
func replyText(r mail.RemoteReply) string {
	t := r.Text
	if r.Status != "" {
		t = r.Status + " " + t
	}
	if r.Code != 0 {
		t = strconv.Itoa(r.Code) + " " + t
	}
	return t
}
