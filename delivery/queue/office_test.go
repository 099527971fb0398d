package queue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postroom/delivery/dsn"
	"postroom/delivery/queue"
	"postroom/delivery/relay"
	"postroom/internal/dns"
	"postroom/internal/dns/dnstest"
	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

// office is a store, a sink for all domains under .out.test, and what workers
// need to get from one to the other.
type office struct {
	t     *testing.T
	store *flakyStore
	sink  *sink
	dns   *dnstest.Server
	alice mail.AccountID
	cfg   queue.Config
}

// flakyStore is the real store with failures to order.
type flakyStore struct {
	*store.Store
	failSettles atomic.Int32
	renewals    atomic.Int32
	leases      atomic.Int32
	leased      func() // is called when a lease is written and not answered yet
}

func (f *flakyStore) Settle(ctx context.Context, s []mail.Settlement, d []mail.QueueDSN) ([]mail.SettleResult, error) {
	if f.failSettles.Add(-1) >= 0 {
		return nil, mail.Errorf(mail.CodeUnavailable, "no database")
	}
	return f.Store.Settle(ctx, s, d)
}

func (f *flakyStore) RenewLeases(ctx context.Context, ids []mail.EntryID, token mail.LeaseToken, until time.Time) ([]mail.EntryID, error) {
	f.renewals.Add(1)
	return f.Store.RenewLeases(ctx, ids, token, until)
}

func (f *flakyStore) LeaseDue(ctx context.Context, a mail.LeaseArgs) ([]mail.LeasedMessage, error) {
	f.leases.Add(1)
	if f.leased == nil {
		return f.Store.LeaseDue(ctx, a)
	}
	got, err := f.Store.LeaseDue(context.WithoutCancel(ctx), a)
	f.leased()
	return got, errors.Join(err, ctx.Err())
}

type oneChunk []byte

func (c oneChunk) Chunks() int               { return 1 }
func (c oneChunk) Chunk(int) ([]byte, error) { return c, nil }

func newOffice(t *testing.T, change func(*office, *relay.Config)) *office {
	t.Helper()
	o := &office{t: t, store: &flakyStore{Store: storetest.New(t)}, sink: newSink(t, false), dns: dnstest.New(t)}
	o.alice = storetest.Account(t, o.store.Store, "alice@example.test")
	for i := range 6 {
		o.dns.Add(fmt.Sprintf("d%d.out.test. 60 IN MX 10 mx.out.test.", i))
	}
	o.dns.Add("mx.out.test. 60 IN A 127.0.0.1", "out.test. 60 IN MX 10 mx.out.test.")
	rc := o.relayConfig(time.Minute)
	o.cfg = queue.Config{Store: o.store, Reports: o, OpenBlob: o.open, Hostname: "us.test", Poll: 200 * time.Millisecond, DownFor: time.Millisecond,
		Drain: 5 * time.Second, Log: slog.New(slog.NewTextHandler(testWriter{t}, nil))}
	if change != nil {
		change(o, &rc)
	}
	o.cfg.Relay = relay.New(rc)
	return o
}

func (o *office) relayConfig(final time.Duration) relay.Config {
	o.t.Helper()
	r, err := dns.New(dns.Config{Servers: []string{o.dns.Addr()}, Timeout: time.Second})
	if err != nil {
		o.t.Fatal(err)
	}
	return relay.Config{Hostname: "us.test", Resolver: r, Port: o.sink.port, Timeouts: relay.Timeouts{Final: final}}
}

func relayWith(o *office, final time.Duration) *relay.Client { return relay.New(o.relayConfig(final)) }

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// open gives octets that tell their message apart by the blob's id.
func (o *office) open(_ context.Context, blob mail.BlobID, size int64) (io.ReadCloser, error) {
	s := fmt.Sprintf("Message-ID: <%d@us.test>\r\n\r\n%d\r\n", blob, blob)
	return io.NopCloser(strings.NewReader(s + strings.Repeat("x", max(0, int(size)-len(s)-2)) + "\r\n")), nil
}

// Report files the DSN with alice or queues it.
func (o *office) Report(ctx context.Context, r *dsn.Report) (*mail.Delivery, func(), error) {
	var b bytes.Buffer
	r.Trace = mail.TraceID(o.store.NewID())
	if err := r.Write(&b); err != nil {
		return nil, nil, err
	}
	d := &mail.Delivery{Trace: r.Trace, Content: oneChunk(b.Bytes()), Summary: mail.Summary{Size: int64(b.Len()), Preview: string(r.Kind)}}
	if r.To.Domain == "example.test" {
		d.Locals = []mail.LocalDelivery{{Account: o.alice, Received: r.Date, Recipient: r.To, Prefix: []byte("Return-Path: <>\r\n")}}
	} else {
		d.Relay = []mail.Recipient{{Address: r.To, Notify: mail.NotifyNever}}
	}
	return d, func() {}, nil
}

const bodySize = 200

func (o *office) send(from string, to ...mail.Recipient) mail.TraceID {
	o.t.Helper()
	d := &mail.Delivery{Content: oneChunk("stored"), Summary: mail.Summary{Size: bodySize, HeaderSize: 40}, Relay: to,
		Outbound: mail.Outbound{Prefix: []byte("Received: by us.test\r\n")}}
	if from != "" {
		d.Outbound.From = addr(from)
	}
	got, err := o.store.Deliver(o.t.Context(), d)
	if err != nil {
		o.t.Fatal(err)
	}
	return got.Trace
}

func addr(s string) mail.Address {
	local, domain, _ := strings.Cut(s, "@")
	return mail.Address{Local: local, Domain: domain}
}

func rcpt(s string, n mail.Notify) mail.Recipient {
	return mail.Recipient{Address: addr(s), Notify: n}
}

// work runs a worker until stop is called (at the latest at the test's end).
func (o *office) work(change func(*queue.Config)) (w *queue.Worker, stop func()) {
	cfg := o.cfg
	if change != nil {
		change(&cfg)
	}
	w = queue.New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	o.t.Cleanup(stop)
	return w, stop
}

func (o *office) count(sql string, args ...any) (n int) {
	o.t.Helper()
	if err := o.store.QueryForTest(context.Background(), []any{&n}, sql, args...); err != nil {
		o.t.Fatal(err)
	}
	return n
}

func (o *office) exec(sql string, args ...any) {
	o.t.Helper()
	if err := o.store.ExecForTest(context.Background(), sql, args...); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) queued() int { return o.count(`SELECT count(*) FROM queue_entries`) }

func (o *office) empty() bool { return o.queued() == 0 }

// dsns counts alice's DSNs of a kind.
func (o *office) dsns(kind mail.DSNKind) int {
	return o.count(`SELECT count(*) FROM messages WHERE account_id = $1 AND preview = $2`, o.alice, string(kind))
}
