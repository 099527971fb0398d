package metrics

import (
	"context"
	"log/slog"
	"regexp"
	"slices"
	"strings"
)

// Watch counts the events of a log, whatever its level shows, and hands them
// on to next.
func (m *Metrics) Watch(next slog.Handler) slog.Handler { return watcher{m: m, next: next} }

// watcher remembers what With added, since the protocol's name comes so.
type watcher struct {
	m     *Metrics
	next  slog.Handler
	attrs []slog.Attr
	group bool // attributes in a group are no event's
}

// Enabled takes every record that may be an event.
func (w watcher) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo || w.next.Enabled(ctx, l)
}

// Handle counts the record and logs it where its level is wanted.
func (w watcher) Handle(ctx context.Context, r slog.Record) error {
	if count := events[r.Message]; count != nil && !w.group && r.Level >= slog.LevelInfo {
		count(w.m, fieldsOf(w.attrs, r))
	}
	if !w.next.Enabled(ctx, r.Level) {
		return nil
	}
	return w.next.Handle(ctx, r)
}

func (w watcher) WithAttrs(attrs []slog.Attr) slog.Handler {
	w.next = w.next.WithAttrs(attrs)
	if !w.group {
		w.attrs = append(slices.Clip(w.attrs), attrs...)
	}
	return w
}

func (w watcher) WithGroup(name string) slog.Handler {
	w.next = w.next.WithGroup(name)
	w.group = w.group || name != ""
	return w
}

// fields are an event's attributes by name.
type fields map[string]slog.Value

func fieldsOf(attrs []slog.Attr, r slog.Record) fields {
	f := fields{}
	for _, a := range attrs {
		f[a.Key] = a.Value
	}
	r.Attrs(func(a slog.Attr) bool {
		f[a.Key] = a.Value
		return true
	})
	return f
}

// of gives a value when it is one of the words, else "other"; "" stays.
func (f fields) of(key string, words ...string) string {
	v := f[key]
	if v.Kind() != slog.KindString || v.String() == "" {
		return ""
	}
	if slices.Contains(words, v.String()) {
		return v.String()
	}
	return "other"
}

// number gives an integer attribute, 0 for none and for what is negative.
func (f fields) number(key string) float64 {
	if v := f[key]; v.Kind() == slog.KindInt64 {
		return float64(max(0, v.Int64()))
	}
	return 0
}

// What the labels may be.
var (
	protos     = []string{"smtp", "imap"}
	roles      = []string{"mx", "submission"}
	mechanisms = []string{"LOGIN", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "OAUTHBEARER", "XOAUTH2", "EXTERNAL"}
	reasons    = []string{"bad-credentials", "throttled", "account-disabled", "malformed", "unavailable"}
	verbs      = []string{"connect", "EHLO", "HELO", "LHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "VRFY", "QUIT"}
)

// events is THE table of the log's events that are counted (internal/maillog).
var events = map[string]func(*Metrics, fields){
	"login":        func(m *Metrics, f fields) { m.login(f, "ok") },
	"login failed": func(m *Metrics, f fields) { m.login(f, f.of("reason", reasons...)) },
	"accepted":     (*Metrics).accept,
	"reject":       (*Metrics).reject,
	"delivered":    func(m *Metrics, f fields) { m.relay(f, "delivered") },
	"deferred":     func(m *Metrics, f fields) { m.relay(f, "deferred") },
	"failed":       func(m *Metrics, f fields) { m.relay(f, "failed") },

	"no text was read from a file": func(m *Metrics, _ fields) { m.textless.WithLabelValues().Inc() },
}

func (m *Metrics) login(f fields, result string) {
	m.logins.WithLabelValues(f.of("proto", protos...), f.of("mech", mechanisms...), result).Inc()
}

func (m *Metrics) accept(f fields) {
	role := f.of("role", roles...)
	m.accepted.WithLabelValues(role).Inc()
	m.recipients.WithLabelValues(role).Add(f.number("recipients"))
	m.octets.WithLabelValues(role).Add(f.number("size"))
	if v := f["duplicate"]; v.Kind() == slog.KindBool && v.Bool() {
		m.duplicates.WithLabelValues(role).Inc()
	}
}

// statusRE is an enhanced status code as this server gives them; SMTP's own
// replies have few.
var statusRE = regexp.MustCompile(`^[245]\.[0-7]\.[0-9]{1,2}$`)

func (m *Metrics) reject(f fields) {
	_, status, _ := strings.Cut(f["result"].String(), " ")
	if !statusRE.MatchString(status) {
		status = "other"
	}
	m.rejects.WithLabelValues(f.of("role", roles...), f.of("verb", verbs...), status).Inc()
}

func (m *Metrics) relay(f fields, outcome string) {
	if f.of("proto", "queue") == "queue" {
		m.relayed.WithLabelValues(outcome).Inc()
	}
}
