// Package metrics counts what the server does, for Prometheus. The rooms know
// nothing of it: events are read from the log (internal/maillog), connections
// are counted as they are accepted, and the rest is asked when somebody
// fetches the metrics. Labels take values from short lists only, so that no
// peer can make the metrics grow. docs/monitoring.md lists every metric.
package metrics

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is one process's. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	connections *prometheus.CounterVec // proto, role
	open        *prometheus.GaugeVec   // proto, role
	logins      *prometheus.CounterVec // proto, mech, result
	accepted    *prometheus.CounterVec // role
	recipients  *prometheus.CounterVec // role
	octets      *prometheus.CounterVec // role
	duplicates  *prometheus.CounterVec // role
	rejects     *prometheus.CounterVec // role, verb, status
	relayed     *prometheus.CounterVec // outcome
	requests    *prometheus.CounterVec // route, status
	textless    *prometheus.CounterVec
}

// New makes Metrics with the counters at zero; version goes into
// postroom_build_info.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.connections = m.counter("connections_total", "Connections accepted by the system, refused ones included.", "proto", "role")
	m.open = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "postroom", Name: "connections_open", Help: "Connections that stand."}, []string{"proto", "role"})
	m.logins = m.counter("logins_total", "Log-ins, by how they ended.", "proto", "mech", "result")
	m.accepted = m.counter("messages_accepted_total", "Messages for which 250 was said.", "role")
	m.recipients = m.counter("recipients_accepted_total", "Recipients of accepted messages.", "role")
	m.octets = m.counter("accepted_bytes_total", "Octets of accepted messages.", "role")
	m.duplicates = m.counter("messages_duplicate_total", "Accepted messages that were a repetition, and are filed once.", "role")
	m.rejects = m.counter("rejects_total", "Refused SMTP commands, by the reply's status.", "role", "verb", "status")
	m.relayed = m.counter("relay_attempts_total", "Attempts to send one recipient's mail on.", "outcome")
	m.requests = m.counter("http_requests_total", "HTTP requests.", "route", "status")
	m.textless = m.counter("search_textless_files_total", "PDF and office files that search_text_helper read no text from.")
	m.textless.WithLabelValues()
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "postroom", Name: "build_info", Help: "1, with the version."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(m.open, build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "postroom", Name: name, Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

// Request counts an HTTP request by its route, which the server chose.
func (m *Metrics) Request(route string, status int) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
}

// Handler gives the metrics in Prometheus' format, to two askers at once at
// most.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2})
}
