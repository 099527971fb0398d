package metrics

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postroom/internal/mail"
	"postroom/internal/maillog"
)

// lines gives the metrics of ours.
func lines(m *Metrics) []string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	var out []string
	for l := range strings.SplitSeq(w.Body.String(), "\n") {
		if strings.HasPrefix(l, "postroom_") {
			out = append(out, l)
		}
	}
	return out
}

func want(t *testing.T, m *Metrics, lns ...string) {
	t.Helper()
	got := lines(m)
	for _, l := range lns {
		if !slices.Contains(got, l) {
			t.Errorf("no %s in\n%s", l, strings.Join(got, "\n"))
		}
	}
}

func TestEvents(t *testing.T) {
	m := New("1.2")
	var shown bytes.Buffer
	log := slog.New(m.Watch(slog.NewTextHandler(&shown, &slog.HandlerOptions{Level: slog.LevelWarn})))
	mx := &mail.Session{Role: mail.RoleMX, Peer: netip.MustParseAddrPort("192.0.2.7:1")}
	smtp, imap := maillog.New(log, "smtp"), maillog.New(log, "imap")
	for _, duplicate := range []bool{false, true} {
		smtp.Accepted(maillog.Session(mx), mail.Delivered{Duplicate: duplicate}, &mail.Envelope{Recipients: make([]mail.Recipient, 3)}, 1000)
	}
	smtp.Reject(maillog.Session(mx), "RCPT", 550, "5.1.1", "no such user")
	smtp.Reject(maillog.Session(mx), "EXPN <alice@example.test>", 502, "x", "no")
	log.Warn("no text was read from a file", "uid", 7)
	imap.Login(maillog.Peer(mx.Peer), "PLAIN", false)
	imap.LoginFailed(maillog.Peer(mx.Peer), "MADE-UP-BY-A-CLIENT", "alice@example.test", mail.CodeBadCredentials)
	log.Info("deferred", "proto", "queue", "to", "<x@example.net>")
	log.Info("delivered", "proto", "queue")
	log.Debug("delivered", "recipients", 3) // what delivery notes of a message that came in
	log.WithGroup("g").Info("failed", "proto", "queue")
	want(t, m, "postroom_search_textless_files_total 1", `postroom_messages_accepted_total{role="mx"} 2`, `postroom_recipients_accepted_total{role="mx"} 6`,
		`postroom_accepted_bytes_total{role="mx"} 2000`, `postroom_messages_duplicate_total{role="mx"} 1`,
		`postroom_rejects_total{role="mx",status="5.1.1",verb="RCPT"} 1`, `postroom_rejects_total{role="mx",status="other",verb="other"} 1`,
		`postroom_logins_total{mech="PLAIN",proto="imap",result="ok"} 1`,
		`postroom_logins_total{mech="other",proto="imap",result="bad-credentials"} 1`,
		`postroom_relay_attempts_total{outcome="deferred"} 1`, `postroom_relay_attempts_total{outcome="delivered"} 1`,
		`postroom_build_info{version="1.2"} 1`)
	if all := strings.Join(lines(m), "\n"); strings.Contains(all, `outcome="failed"`) || strings.Contains(all, "example") {
		t.Errorf("more than events:\n%s", all)
	}
	if n := strings.Count(shown.String(), "\n"); n != 2 || !strings.Contains(shown.String(), "proto=imap") {
		t.Errorf("the log shows more or less than warnings:\n%s", shown.String())
	}
}

func TestConnections(t *testing.T) {
	m := New("")
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := m.Listener(tcp, "smtp", "mx")
	defer l.Close()
	for range 2 {
		c, err := net.Dial("tcp", tcp.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	a, err := l.Accept()
	b, err2 := l.Accept()
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	defer b.Close()
	a.Close()
	a.Close()
	want(t, m, `postroom_connections_total{proto="smtp",role="mx"} 2`, `postroom_connections_open{proto="smtp",role="mx"} 1`)
}

// world is a database that can be taken away, and a clock.
type world struct {
	now   time.Time
	err   error
	asked int
}

func (w *world) collect(m *Metrics) {
	m.Collect(Sources{
		Queue: func(context.Context) (mail.QueueStats, error) {
			w.asked++
			return mail.QueueStats{Messages: 2, Ready: 3, Leased: 1, OldestAt: w.now.Add(-time.Minute)}, w.err
		},
		Search: func(context.Context) (mail.SearchProgress, error) { return mail.SearchProgress{Unindexed: 12}, w.err },
		Pools: func() []Pool {
			return []Pool{{Name: "general", Max: 16, InUse: 2, All: 5, Waits: 7, Waited: time.Second}}
		},
		CertificateEnd: func() time.Time { return time.Unix(2000000000, 0) },
		Now:            func() time.Time { return w.now },
	})
}

func TestState(t *testing.T) {
	m, w := New(""), &world{now: time.Unix(1700000000, 0)}
	w.collect(m)
	want(t, m, "postroom_database_up 1", `postroom_queue_entries{state="ready"} 3`, `postroom_queue_entries{state="held"} 0`,
		"postroom_queue_oldest_seconds 60", "postroom_search_unindexed_messages 12", `postroom_database_connections{pool="general",state="idle"} 3`,
		`postroom_database_waits_total{pool="general"} 7`, "postroom_certificate_end_timestamp_seconds 2e+09")
	lines(m)
	if w.asked != 1 {
		t.Errorf("the queue was counted %d times at once", w.asked)
	}
	w.now, w.err = w.now.Add(queueEvery), errors.New("gone")
	want(t, m, "postroom_database_up 0")
	if all := strings.Join(lines(m), "\n"); strings.Contains(all, "queue_entries{") {
		t.Errorf("a count of a queue that nobody sees:\n%s", all)
	}
	w.err = nil
	want(t, m, "postroom_database_up 1")
}

// TestDocs: docs/monitoring.md lists every metric and no other.
func TestDocs(t *testing.T) {
	raw, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	m, w := New(""), &world{}
	w.collect(m)
	listed, made := map[string]bool{}, map[string]bool{}
	for _, x := range regexp.MustCompile("(?m)^\\| `(postroom_[a-z_]+)` \\| ([a-z, ]*) \\| .+ \\|$").FindAllStringSubmatch(string(raw), -1) {
		listed[x[1]+" "+x[2]] = true
	}
	descs := make(chan *prometheus.Desc, 1000)
	m.registry.Describe(descs)
	close(descs)
	parts := regexp.MustCompile(`fqName: "(postroom_[a-z_]+)".*variableLabels: \{([^}]*)\}`)
	for d := range descs {
		if x := parts.FindStringSubmatch(d.String()); x != nil {
			made[x[1]+" "+strings.ReplaceAll(x[2], ",", ", ")] = true
		}
	}
	if len(made) < 15 {
		t.Fatalf("only %d metrics found", len(made))
	}
	for name := range made {
		if !listed[name] {
			t.Errorf("docs/monitoring.md has no row for: %s", name)
		}
	}
	for name := range listed {
		if !made[name] {
			t.Errorf("docs/monitoring.md lists what is no metric: %s", name)
		}
	}
}

// TestNoPeerMakesMetricsGrow: words of a client never become label values.
func TestNoPeerMakesMetricsGrow(t *testing.T) {
	m := New("")
	log := slog.New(m.Watch(slog.NewTextHandler(io.Discard, nil)))
	var before int
	for i := range 50 {
		word := strings.Repeat("x", i+1)
		for event := range events {
			log.Info(event, "proto", word, "role", word, "mech", word, "reason", word, "verb", word, "result", "550 "+word)
		}
		if i == 0 {
			before = len(lines(m))
		}
	}
	if n := len(lines(m)); n != before {
		t.Errorf("%d lines grew to %d", before, n)
	}
}
