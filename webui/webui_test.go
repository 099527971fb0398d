package webui

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/mail"
	"postroom/internal/tlsconf"
)

// directory is a store that serves these domains; a down one answers nothing.
type directory struct {
	domains map[string]*mail.MTASTS
	down    bool
	slow    bool // waits for ever, as a database whose tables are locked
	running atomic.Int32
}

func (d *directory) MTASTS(ctx context.Context, domain string) (mail.MTASTS, bool, error) {
	if d.running.Add(1); d.slow {
		<-ctx.Done()
		return mail.MTASTS{}, false, mail.Wrap(mail.CodeUnavailable, ctx.Err(), "the database does not answer")
	}
	if d.down {
		return mail.MTASTS{}, false, mail.Wrap(mail.CodeUnavailable, errors.New("SELECT secret FROM x: connection refused"), "the database does not answer")
	}
	p, ok := d.domains[domain]
	if !ok {
		return mail.MTASTS{}, false, mail.Errorf(mail.CodeNotFound, "no domain %s here", domain)
	}
	if p == nil {
		return mail.MTASTS{}, false, nil
	}
	return *p, true, nil
}

type fixture struct {
	*Server
	dir  *directory
	tls  *tlsconf.Source
	seen []string // what Observe was told
}

func serve(t testing.TB, change func(*Config)) *fixture {
	t.Helper()
	source, err := tlsconf.New(tlsconf.Config{Dir: t.TempDir(), Hostname: "mail.example.org", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{tls: source, dir: &directory{domains: map[string]*mail.MTASTS{"example.org": nil, "xn--bcher-kva.example": nil,
		"example.net": {Mode: "testing", MaxAge: time.Hour, MX: []string{"mail.example.org"}}}}}
	c := Config{Hostname: "mail.example.org", Directory: f.dir, Certificate: source.Certificate, Log: slog.New(slog.DiscardHandler),
		Services: []Service{{"imap", 993, true}, {"imap", 143, false}, {"smtp", 465, true}, {"smtp", 587, false}},
		Ready:    func(context.Context) error { return nil }, Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Observe: func(route string, status int) { f.seen = append(f.seen, route+" "+http.StatusText(status)) }}
	if change != nil {
		change(&c)
	}
	f.Server = New(c, source.TLS())
	return f
}

// ask sends a request for url from a client on the internet.
func (f *fixture) ask(method, url, body string, headers ...string) *http.Response {
	return f.from("192.0.2.7:1000", method, url, body, headers...)
}

func (f *fixture) from(peer, method, url, body string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, url, strings.NewReader(body)) // sets TLS for https
	r.RemoteAddr = peer
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h := f.plain.Handler
	if r.TLS != nil {
		h = f.secure.Handler
	}
	h.ServeHTTP(w, r)
	return w.Result()
}

// text gives the body of an answer with that status.
func text(t *testing.T, r *http.Response, status int) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != status {
		t.Errorf("status %d, want %d; %v\n%s", r.StatusCode, status, err, b)
	}
	return string(b)
}

// documents are all that is said about a domain: method, URL and body.
func documents(local, domain string) [][3]string {
	return [][3]string{
		{"GET", "https://autoconfig." + domain + "/mail/config-v1.1.xml?emailaddress=" + local + "@" + domain, ""},
		{"GET", "https://" + domain + "/.well-known/autoconfig/mail/config-v1.1.xml", ""},
		{"POST", "https://autodiscover." + domain + "/autodiscover/autodiscover.xml", outlookAsks(local + "@" + domain)},
		{"GET", "https://autodiscover." + domain + "/autodiscover/autodiscover.json/v1.0/" + local + "@" + domain + "?Protocol=AutodiscoverV1", ""},
		{"GET", "https://autodiscover." + domain + "/autodiscover/autodiscover.json?Email=" + local + "@" + domain + "&Protocol=AutodiscoverV1", ""},
		{"GET", "https://mail.example.org/apple/mail.mobileconfig?address=" + local + "@" + domain, ""},
		{"GET", "https://mta-sts." + domain + "/.well-known/mta-sts.txt", ""},
	}
}

func TestForeignDomainsAreNotFound(t *testing.T) {
	f := serve(t, nil)
	for _, d := range documents("alice", "example.com") {
		if got := text(t, f.ask(d[0], d[1], d[2]), http.StatusNotFound); strings.Contains(got, "example.com") {
			t.Errorf("%s: %s", d[1], got)
		}
	}
	for _, d := range documents("alice", "example.net") {
		text(t, f.ask(d[0], d[1], d[2]), http.StatusOK)
	}
}

// With its database away the server says 503, which clients try again, and
// nothing about the database.
func TestDatabaseAway(t *testing.T) {
	f := serve(t, nil)
	f.dir.down = true
	for _, d := range documents("alice", "example.net") {
		r := f.ask(d[0], d[1], d[2])
		if got := text(t, r, http.StatusServiceUnavailable); got != "temporarily unavailable\n" || r.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %q", d[1], got)
		}
	}
}

// A crowd of strangers waits for few connections of the store, and not for
// ever.
func TestCrowdTakesFewConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, func(c *Config) { c.Observe = nil })
		f.dir.slow = true
		began := time.Now()
		var crowd sync.WaitGroup
		for range 100 {
			crowd.Go(func() {
				text(t, f.ask("GET", "https://example.org/mail/config-v1.1.xml", ""), http.StatusServiceUnavailable)
			})
		}
		synctest.Wait()
		if n := f.dir.running.Load(); n != maxLookUps {
			t.Errorf("%d look-ups at once", n)
		}
		crowd.Wait()
		if took := time.Since(began); took > lookUpTime {
			t.Errorf("an answer took %v", took)
		}
	})
}

func TestUnreadableAddresses(t *testing.T) {
	f := serve(t, nil)
	for _, u := range []string{"/mail/config-v1.1.xml?emailaddress=alice", "/apple/mail.mobileconfig", "/apple/mail.mobileconfig?address=a@b@c",
		"/autodiscover/autodiscover.json/v1.0/alice?Protocol=AutodiscoverV1", "/mail/config-v1.1.xml?emailaddress=" + strings.Repeat("a", 5000) + "@example.org"} {
		text(t, f.ask("GET", "https://mail.example.org"+u, ""), http.StatusBadRequest)
	}
	text(t, f.ask("GET", "https://mail.example.org/nothing", ""), http.StatusNotFound)
	text(t, f.ask("DELETE", "https://mail.example.org/healthz", ""), http.StatusMethodNotAllowed)
}

func TestMTASTSPolicyOnItsHostOnly(t *testing.T) {
	f := serve(t, nil)
	r := f.ask("GET", "https://mta-sts.example.net/.well-known/mta-sts.txt", "")
	if got := text(t, r, http.StatusOK); got != "version: STSv1\r\nmode: testing\r\nmx: mail.example.org\r\nmax_age: 3600\r\n" ||
		!strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("%q as %s", got, r.Header.Get("Content-Type"))
	}
	for _, u := range []string{"https://example.net", "https://mta-sts.example.org", "https://mta-sts.mta-sts.example.net"} {
		text(t, f.ask("GET", u+"/.well-known/mta-sts.txt", ""), http.StatusNotFound)
	}
}

func TestHealth(t *testing.T) {
	var down error
	f := serve(t, func(c *Config) { c.Ready = func(context.Context) error { return down } })
	for _, u := range []string{"http://192.0.2.1/", "https://mail.example.org/"} {
		down = nil
		text(t, f.ask("GET", u+"healthz", ""), http.StatusOK)
		text(t, f.ask("GET", u+"readyz", ""), http.StatusOK)
		down = mail.Wrap(mail.CodeUnavailable, errors.New("password=x"), "the database does not answer")
		text(t, f.ask("GET", u+"healthz", ""), http.StatusOK)
		if got := text(t, f.ask("GET", u+"readyz", ""), http.StatusServiceUnavailable); got != "the database does not answer\n" {
			t.Errorf("%q", got)
		}
	}
}

// Without TLS only what programs need so is answered; the rest is sent to
// HTTPS, and names that are not ours nowhere.
func TestPlainHTTP(t *testing.T) {
	f := serve(t, nil)
	for _, u := range []string{"autoconfig.example.org/mail/config-v1.1.xml", "example.org/.well-known/autoconfig/mail/config-v1.1.xml"} {
		text(t, f.ask("GET", "http://"+u, ""), http.StatusOK)
	}
	for u, status := range map[string]int{"GET autodiscover.example.org:80/autodiscover/autodiscover.xml?x=1": http.StatusFound,
		"POST autodiscover.example.org/autodiscover/autodiscover.xml": http.StatusTemporaryRedirect,
		"GET mail.example.org/apple/mail.mobileconfig?address=a":      http.StatusFound,
		"GET mta-sts.example.net/.well-known/mta-sts.txt":             http.StatusFound} {
		method, rest, _ := strings.Cut(u, " ")
		r := f.ask(method, "http://"+rest, "")
		text(t, r, status)
		if to := r.Header.Get("Location"); to != "https://"+strings.Replace(rest, ":80", "", 1) {
			t.Errorf("%s leads to %q", u, to)
		}
	}
	for _, u := range []string{"evil.example", "autoconfig.evil.example", "192.0.2.1", "a_b.example.org", "autoconfig.mail.example.org"} {
		text(t, f.ask("GET", "http://"+u+"/x", ""), http.StatusNotFound)
	}
}

func TestBehindAProxy(t *testing.T) {
	f := serve(t, nil)
	const path = "http://mta-sts.example.net/.well-known/mta-sts.txt"
	text(t, f.from("10.1.2.3:999", "GET", path, "", "X-Forwarded-Proto", "https"), http.StatusOK)
	text(t, f.from("10.1.2.3:999", "GET", "http://127.0.0.1/.well-known/mta-sts.txt", "", "X-Forwarded-Proto", "http, https",
		"X-Forwarded-Host", "evil.example, mta-sts.example.net"), http.StatusOK)
	text(t, f.from("10.1.2.3:999", "GET", path, ""), http.StatusFound)
	text(t, f.from("10.1.2.3:999", "GET", path, "", "X-Forwarded-Proto", "https", "X-Forwarded-Proto", "http"), http.StatusFound)
	text(t, f.from("192.0.2.7:999", "GET", path, "", "X-Forwarded-Proto", "https"), http.StatusFound)
	text(t, f.from("192.0.2.7:999", "GET", "https://mail.example.org/.well-known/mta-sts.txt", "", "X-Forwarded-Host", "mta-sts.example.net"), http.StatusNotFound)
}

func TestChallengeComesFirstOnPlainHTTP(t *testing.T) {
	f := serve(t, func(c *Config) {
		c.Challenge = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/.well-known/acme-challenge/") {
					io.WriteString(w, "token of "+r.Host)
					return
				}
				next.ServeHTTP(w, r)
			})
		}
	})
	const path = "/.well-known/acme-challenge/abc"
	if got := text(t, f.ask("GET", "http://any.example"+path, ""), http.StatusOK); got != "token of any.example" {
		t.Error(got)
	}
	text(t, f.ask("GET", "http://any.example/healthz", ""), http.StatusOK)
	text(t, f.ask("GET", "https://any.example"+path, ""), http.StatusNotFound)
}

// The routes are labels of a metric: a client must not make new ones.
func TestObserveKnowsRoutesOnly(t *testing.T) {
	f := serve(t, nil)
	f.ask("GET", "https://example.org/random", "")
	f.ask("GET", "http://evil.example/random", "")
	f.ask("GET", "https://example.org/AutoDiscover/AutoDiscover.json/v1.0/alice@example.org?Protocol=AutodiscoverV1", "")
	f.ask("GET", "https://example.org/healthz", "")
	want := " Not Found, Not Found,/autodiscover/autodiscover.json OK,/healthz OK"
	if got := strings.Join(f.seen, ","); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
