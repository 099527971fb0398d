package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postroom/internal/mail"
)

// Sources are asked when somebody fetches the metrics. All are needed.
type Sources struct {
	// Queue counts the queue; its error means that the database is away.
	Queue func(context.Context) (mail.QueueStats, error)
	// Search tells how far the search index is.
	Search func(context.Context) (mail.SearchProgress, error)
	// Pools are the connections to the database.
	Pools func() []Pool
	// CertificateEnd is when the certificate in use ends.
	CertificateEnd func() time.Time
	Now            func() time.Time
}

// Pool is the state of a connection pool.
type Pool struct {
	Name            string
	Max, InUse, All int
	Waits           int64 // times that no connection was free
	Waited          time.Duration
}

// How often at most queue and unindexed messages are counted, and for how long:
// counting a long queue takes its time, and several may ask.
const (
	queueEvery = 10 * time.Second
	queueTime  = 5 * time.Second
)

// Collect adds what s tells.
func (m *Metrics) Collect(s Sources) { m.registry.MustRegister(&state{Sources: s}) }

type state struct {
	Sources
	mu    sync.Mutex
	asked time.Time
	queue mail.QueueStats
	err   error

	search mail.SearchProgress
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("postroom_"+name, help, labels, nil)
}

var (
	databaseUp    = desc("database_up", "1 when PostgreSQL answers.")
	queueEntries  = desc("queue_entries", "Recipients in the queue, of all nodes.", "state")
	queueMessages = desc("queue_messages", "Messages in the queue.")
	queueOldest   = desc("queue_oldest_seconds", "Age of the oldest message in the queue; 0 when it is empty.")
	searchBacklog = desc("search_unindexed_messages", "Messages that the search index does not know yet, of all nodes.")
	poolMax       = desc("database_connections_max", "Connections that a pool may have.", "pool")
	poolOpen      = desc("database_connections", "Connections of a pool.", "pool", "state")
	poolWaits     = desc("database_waits_total", "Times that a pool had no free connection.", "pool")
	poolWaited    = desc("database_wait_seconds_total", "Time spent waiting for one.", "pool")
	certEnd       = desc("certificate_end_timestamp_seconds", "When the certificate in use ends, as Unix time.")
)

func (s *state) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{databaseUp, queueEntries, queueMessages, queueOldest, searchBacklog, poolMax, poolOpen, poolWaits, poolWaited, certEnd} {
		out <- d
	}
}

func (s *state) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s.collectQueue(gauge)
	for _, p := range s.Pools() {
		gauge(poolMax, float64(p.Max), p.Name)
		gauge(poolOpen, float64(p.InUse), p.Name, "in-use")
		gauge(poolOpen, float64(p.All-p.InUse), p.Name, "idle")
		out <- prometheus.MustNewConstMetric(poolWaits, prometheus.CounterValue, float64(p.Waits), p.Name)
		out <- prometheus.MustNewConstMetric(poolWaited, prometheus.CounterValue, p.Waited.Seconds(), p.Name)
	}
	gauge(certEnd, float64(s.CertificateEnd().Unix()))
}

// collectQueue gives no count of the queue that it does not know.
func (s *state) collectQueue(gauge func(d *prometheus.Desc, v float64, labels ...string)) {
	q, search, err := s.count()
	if err != nil {
		gauge(databaseUp, 0)
		return
	}
	gauge(databaseUp, 1)
	gauge(searchBacklog, float64(search.Unindexed))
	gauge(queueMessages, float64(q.Messages))
	for name, n := range map[string]int64{"ready": q.Ready, "leased": q.Leased, "held": q.Held} {
		gauge(queueEntries, float64(n), name)
	}
	age := time.Duration(0)
	if q.OldestAt.Year() > 1 {
		age = max(0, s.Now().Sub(q.OldestAt))
	}
	gauge(queueOldest, age.Seconds())
}

func (s *state) count() (mail.QueueStats, mail.SearchProgress, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.Now(); s.asked.IsZero() || now.Sub(s.asked) >= queueEvery || s.err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), queueTime)
		defer cancel()
		if s.queue, s.err = s.Queue(ctx); s.err == nil {
			s.search, s.err = s.Search(ctx)
		}
		s.asked = now
	}
	return s.queue, s.search, s.err
}
