package queue

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"postroom/delivery/relay"
	"postroom/internal/mail"
)

// run is one connection's work: the messages leased for one destination, in
// order, and more of that destination while the connection is good.
type run struct {
	w         *Worker
	ctx       context.Context // ends when nothing new may begin
	sending   context.Context // ends when what runs must stop
	domain    string
	todo      []mail.LeasedMessage
	leases    *leases
	plan      relay.Plan
	session   *relay.Session
	failure   *relay.Failure // of the destination: holds for all that follow
	sent      int
	postponed int // messages given back because of the provider
}

func (w *Worker) newRun(ctx, sending context.Context, batch []mail.LeasedMessage) *run {
	r := &run{w: w, ctx: ctx, sending: sending, domain: batch[0].Entries[0].Domain, todo: batch, leases: newLeases(w)}
	w.begin(r.domain)
	r.leases.add(batch)
	return r
}

// work is the life of a run.
func (r *run) work() {
	defer r.w.end(r.domain)
	stop := r.leases.keep(r.sending)
	defer stop()
	select {
	case r.w.slots <- struct{}{}:
		defer func() { <-r.w.slots }()
	case <-r.ctx.Done():
	}
	defer r.leave()
	r.resume()
	for len(r.todo) > 0 {
		for _, m := range r.todo {
			r.one(m)
		}
		r.todo = r.more(entries(r.todo))
	}
}

// resume takes an idle connection of the destination, unless an administrator
// has set another way for its mail since.
func (r *run) resume() {
	i := r.w.pool.take(r.domain)
	switch {
	case i == nil:
	case r.w.cfg.Relay.Holds(r.sending, i.plan):
		r.session, r.plan, r.sent = i.session, i.plan, i.sent
	default:
		i.session.Close()
		r.resume()
	}
}

// leave hands a good connection on and ends any other.
func (r *run) leave() {
	switch {
	case r.session == nil:
	case r.session.Usable() && r.sent < r.w.cfg.PerConnection && r.ctx.Err() == nil:
		r.w.pool.put(r.domain, r.session, r.plan, r.sent)
	default:
		r.session.Close()
	}
}

// more leases what else is due for the destination, while the connection lasts.
// A lease that was small has left nothing, and what came since is leased with
// that of other destinations: the connection waits for it in the pool.
func (r *run) more(had int) []mail.LeasedMessage {
	if had < fairShare || r.ctx.Err() != nil || r.session == nil || !r.session.Usable() || r.sent >= r.w.cfg.PerConnection || r.w.unsettled.Load() > 0 {
		return nil
	}
	next, err := r.w.cfg.Store.LeaseDue(r.sending, mail.LeaseArgs{PerDomain: r.w.cfg.Batch, Domain: r.domain, For: r.w.cfg.Lease})
	if err != nil || len(next) == 0 {
		return nil
	}
	r.leases.add(next)
	// Asked after the lease, so that it is the way of what was leased.
	if !r.w.cfg.Relay.Holds(r.sending, r.plan) {
		r.session.Close()
		r.session, r.plan = nil, relay.Plan{}
	}
	return next
}

// fairShare is what a destination gets of a lease that many share (leaseSQL).
const fairShare = 10

// turn tells whether a message may begin now, as far as the provider of the
// destination is concerned; else from when. One whose time is over gets its
// last attempt all the same.
func (r *run) turn(m mail.LeasedMessage) (from time.Time, ok bool) {
	now := r.w.cfg.Now()
	if !r.find() || !now.Before(m.Message.ExpiresAt) {
		return now, true
	}
	return r.w.providers.turn(r.plan.Provider(), now)
}

// find gets the plan of the destination; false when there is none.
func (r *run) find() bool {
	if r.failure != nil {
		return false
	}
	if r.plan.Domain == "" {
		var err error
		if r.plan, err = r.w.cfg.Relay.Plan(r.sending, r.domain); err != nil {
			r.plan = relay.Plan{}
			r.failed(err)
			return false
		}
	}
	return true
}

// postpone gives a message back for a time when the provider may take it;
// those behind it, at the configured rate.
func (r *run) postpone(m mail.LeasedMessage, from time.Time) []fate {
	next := from.Add(time.Duration(r.postponed) * r.w.providers.interval)
	r.postponed++
	out := r.giveBack(m)
	for i := range out {
		out[i].next = next
	}
	return out
}

// one attempts one message and settles its entries.
func (r *run) one(m mail.LeasedMessage) {
	defer r.leases.drop(m)
	if r.ctx.Err() != nil {
		r.w.settle(r.sending, m, r.giveBack(m))
		return
	}
	if from, ok := r.turn(m); !ok {
		r.w.settle(r.sending, m, r.postpone(m, from))
		return
	}
	results := r.attempt(m)
	if results == nil { // shut down before it began
		r.w.settle(r.sending, m, r.giveBack(m))
		return
	}
	r.w.settle(r.sending, m, r.w.decide(m, results))
}

func (r *run) giveBack(m mail.LeasedMessage) []fate {
	out := make([]fate, len(m.Entries))
	for i, e := range m.Entries {
		out[i] = fate{entry: e, outcome: mail.OutcomeReturned}
	}
	return out
}

// attempt gives one result per entry; nil when nothing was begun.
func (r *run) attempt(m mail.LeasedMessage) []relay.Result {
	if r.session == nil || !r.session.Usable() || r.sent >= r.w.cfg.PerConnection {
		r.open()
	}
	if r.failure != nil {
		if r.sending.Err() != nil {
			return nil
		}
		return same(len(m.Entries), r.failure.Result())
	}
	msg := r.message(m)
	results := r.session.Send(r.sending, msg, recipients(m.Entries))
	if results[0].Stale {
		// The server closed a connection that had carried mail: no failure.
		r.open()
		if r.failure != nil {
			return same(len(m.Entries), r.failure.Result())
		}
		results = r.session.Send(r.sending, msg, recipients(m.Entries))
	}
	r.sent++
	r.w.hear(r.sending, r.session.Provider(), results)
	r.elsewhere(m, msg, results)
	for _, res := range results {
		if res.Outcome == mail.OutcomeDelivered {
			r.w.cfg.Hook("relay.accepted")
			break
		}
	}
	return results
}

// open gets a session, or the failure that all further messages share.
func (r *run) open() {
	if r.session != nil {
		r.session.Close()
		r.session = nil
	}
	if r.failure != nil {
		return
	}
	r.sent = 0
	if !r.find() {
		return
	}
	session, err := r.w.cfg.Relay.Open(r.sending, r.plan)
	if err != nil {
		r.failed(err)
		return
	}
	r.session = session
	r.w.connected(r.sending, r.plan)
}

// failed keeps why the destination cannot be reached.
func (r *run) failed(err error) {
	if !errors.As(err, &r.failure) {
		r.failure = &relay.Failure{Reply: mail.RemoteReply{Status: "4.3.0", Text: "the message could not be sent now"}, Err: err}
	}
	if r.sending.Err() != nil {
		return
	}
	r.w.cfg.Log.DebugContext(r.sending, "destination not reached", "domain", r.domain, "error", r.failure)
	if !r.failure.Permanent {
		r.w.down(r.domain)
	}
	r.w.hear(r.sending, r.plan.Provider(), []relay.Result{r.failure.Result()})
	r.w.unreached(r.sending, r.plan, r.domain, r.failure)
}

// elsewhere tries the recipients that were deferred at the plan's next host
// (RFC 5321 §5.1), once, and only where nobody can have taken the message.
func (r *run) elsewhere(m mail.LeasedMessage, msg *relay.Message, results []relay.Result) {
	var again []int
	for i, res := range results {
		if res.Outcome == mail.OutcomeDeferred && !res.Unclear {
			again = append(again, i)
		}
	}
	if len(again) == 0 || !r.session.HasNext() || r.ctx.Err() != nil || r.w.providers.paused(r.session.NextProvider(), r.w.cfg.Now()) {
		return
	}
	next, err := r.session.Next(r.sending)
	if err != nil {
		return
	}
	defer next.Close()
	entries := make([]mail.QueueEntry, len(again))
	for k, i := range again {
		entries[k] = m.Entries[i]
	}
	for k, res := range next.Send(r.sending, msg, recipients(entries)) {
		results[again[k]] = res
	}
}

func same(n int, res relay.Result) []relay.Result {
	out := make([]relay.Result, n)
	for i := range out {
		out[i] = res
	}
	return out
}

func recipients(entries []mail.QueueEntry) []mail.Recipient {
	out := make([]mail.Recipient, len(entries))
	for i, e := range entries {
		out[i] = e.Recipient
	}
	return out
}

// envID names a submission whose sender gave no ENVID by its queue id, so that
// what next hops report finds its message. Our own reports do not say it.
//
// Deviation: RFC 3461 §5.2.1 lets a relay supply none. Here we are where the
// message enters the mail system; mail that others sent goes on without.
func envID(q mail.QueueMessage) string {
	if q.EnvID == "" && q.Account != 0 {
		return q.ID.String()
	}
	return q.EnvID
}

func (r *run) message(m mail.LeasedMessage) *relay.Message {
	q := m.Message
	return &relay.Message{
		From: q.From, Size: q.Size, Ret: q.Ret, EnvID: envID(q), UTF8: q.UTF8, Body8Bit: q.Body8Bit,
		Open:        func(ctx context.Context) (io.ReadCloser, error) { return r.w.octets(ctx, q) },
		BeforeFinal: func(ctx context.Context) error { return r.leases.outlive(ctx, m) },
	}
}

// octets gives a message as it goes out: our fields, then what was received.
func (w *Worker) octets(ctx context.Context, q mail.QueueMessage) (io.ReadCloser, error) {
	blob, err := w.cfg.OpenBlob(ctx, q.Blob, q.Size-int64(len(q.Prefix)))
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(q.Prefix), blob), blob}, nil
}
