// Package web asks the built server over HTTP as mail programs, mail servers,
// load balancers and Prometheus do: with Go's client and with curl, directly
// and behind a reverse proxy.
package web

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postroom/e2e/testbed"
)

const domain = "example.test"

// browser is Go's client; whatever name it asks for leads to addr, and the
// certificate must be that of the server's name.
func browser(t *testing.T, i *testbed.Instance, addr string) *http.Client {
	t.Helper()
	conf, err := i.TLS()
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true,
			DialContext: dialer(&net.Dialer{}, addr)}}
}

// dialer leads every connection to addr.
func dialer(d *net.Dialer, addr string) func(ctx context.Context, network, _ string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return d.DialContext(ctx, network, addr)
	}
}

// answer is a response that was read.
type answer struct {
	status int
	body   string
	header http.Header
}

func do(t *testing.T, c *http.Client, method, to, body string) answer {
	t.Helper()
	q, err := http.NewRequest(method, to, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{r.StatusCode, string(b), r.Header}
}

func outlookAsks(address string) string {
	return `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request><EMailAddress>` +
		address + `</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`
}

// documents asks for everything about local@domain.
func documents(t *testing.T, c *http.Client, local, domain string) map[string]answer {
	t.Helper()
	at := local + "@" + domain
	out := map[string]answer{}
	for _, q := range [][4]string{
		{"autoconfig", "GET", "https://autoconfig." + domain + "/mail/config-v1.1.xml?emailaddress=" + at},
		{"well-known", "GET", "https://" + domain + "/.well-known/autoconfig/mail/config-v1.1.xml"},
		{"autodiscover", "POST", "https://autodiscover." + domain + "/Autodiscover/Autodiscover.xml", outlookAsks(at)},
		{"json", "GET", "https://autodiscover." + domain + "/autodiscover/autodiscover.json/v1.0/" + at + "?Protocol=AutodiscoverV1"},
		{"profile", "GET", "https://mail.test/apple/mail.mobileconfig?address=" + at},
		{"mta-sts", "GET", "https://mta-sts." + domain + "/.well-known/mta-sts.txt"},
	} {
		out[q[0]] = do(t, c, q[1], q[2], q[3])
	}
	return out
}

// readDocuments parses each as its client does.
func readDocuments(t *testing.T, i *testbed.Instance, all map[string]answer) {
	t.Helper()
	for name, a := range all {
		if a.status != http.StatusOK {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	var thunderbird struct {
		Domain string   `xml:"emailProvider>domain"`
		Hosts  []string `xml:"emailProvider>incomingServer>hostname"`
		Ports  []int    `xml:"emailProvider>outgoingServer>port"`
	}
	if err := xml.Unmarshal([]byte(all["autoconfig"].body), &thunderbird); err != nil || thunderbird.Domain != domain ||
		len(thunderbird.Hosts) != 2 || thunderbird.Hosts[0] != "mail.test" || len(thunderbird.Ports) != 2 || thunderbird.Ports[0] != 465 {
		t.Errorf("autoconfig: %v %+v", err, thunderbird)
	}
	var outlook struct {
		Types []string `xml:"Response>Account>Protocol>Type"`
		Login []string `xml:"Response>Account>Protocol>LoginName"`
	}
	if err := xml.Unmarshal([]byte(all["autodiscover"].body), &outlook); err != nil || strings.Join(outlook.Types, " ") != "IMAP SMTP" || outlook.Login[0] != "alice@"+domain {
		t.Errorf("autodiscover: %v %+v", err, outlook)
	}
	var service struct{ URL string }
	if err := json.Unmarshal([]byte(all["json"].body), &service); err != nil || service.URL != "https://mail.test/autodiscover/autodiscover.xml" {
		t.Errorf("json: %v %+v", err, service)
	}
	if !strings.HasPrefix(all["mta-sts"].body, "version: STSv1\r\nmode: testing\r\nmx: mail.test\r\n") {
		t.Errorf("mta-sts: %q", all["mta-sts"].body)
	}
	file := filepath.Join(t.TempDir(), "profile")
	if err := os.WriteFile(file, []byte(all["profile"].body), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("openssl", "smime", "-verify", "-inform", "DER", "-in", file, "-CAfile", i.CAFile(), "-purpose", "any").Output()
	if err != nil || !strings.Contains(string(out), "<key>EmailAddress</key><string>alice@"+domain+"</string>") {
		t.Errorf("profile: %v\n%s", err, out)
	}
}

func TestDocuments(t *testing.T) {
	i := testbed.Company(t, testbed.Options{}, domain, "alice")
	if out, err := i.CLI("", "domain", "mta-sts", domain, "--mode", "testing"); err != nil || !strings.Contains(out, "_mta-sts."+domain+`. IN TXT "v=STSv1; id=`) {
		t.Fatal(out, err)
	}
	c := browser(t, i, i.Ports.HTTPS)
	alice := documents(t, c, "alice", domain)
	readDocuments(t, i, alice)
	// Who does not exist gets the same, and who is not ours nothing.
	for name, a := range documents(t, c, "ghost", domain) {
		if name != "profile" && strings.ReplaceAll(a.body, "ghost", "alice") != alice[name].body || a.status != alice[name].status {
			t.Errorf("%s tells who exists: %s", name, a.body)
		}
	}
	for name, a := range documents(t, c, "alice", "foreign.test") {
		if a.status != http.StatusNotFound {
			t.Errorf("%s of a foreign domain: %d %s", name, a.status, a.body)
		}
	}
	plain := browser(t, i, i.Ports.HTTP)
	if a := do(t, plain, "GET", "http://autoconfig."+domain+"/mail/config-v1.1.xml?emailaddress=alice@"+domain, ""); a.body != alice["autoconfig"].body {
		t.Errorf("Thunderbird over HTTP: %d %s", a.status, a.body)
	}
	if a := do(t, plain, "GET", "http://autodiscover."+domain+"/autodiscover/autodiscover.xml", ""); a.status != http.StatusFound ||
		a.header.Get("Location") != "https://autodiscover."+domain+"/autodiscover/autodiscover.xml" {
		t.Errorf("Outlook over HTTP: %d %s", a.status, a.header)
	}
	if _, err := i.CLI("", "domain", "mta-sts", domain, "--mode", "off"); err != nil {
		t.Fatal(err)
	}
	if a := do(t, c, "GET", "https://mta-sts."+domain+"/.well-known/mta-sts.txt", ""); a.status != http.StatusNotFound {
		t.Errorf("a policy that was taken away: %d", a.status)
	}
}

// curl gives its output; what fails by --fail is an error.
func curl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "curl", append([]string{"--silent", "--show-error", "--fail", "--max-time", "20"}, args...)...).CombinedOutput()
	if err != nil {
		t.Errorf("curl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestCurl(t *testing.T) {
	i := testbed.Company(t, testbed.Options{}, domain, "alice")
	_, port, _ := net.SplitHostPort(i.Ports.HTTPS)
	secure := []string{"--cacert", i.CAFile(), "--resolve", "mail.test:" + port + ":127.0.0.1"}
	at := "https://mail.test:" + port
	if got := curl(t, append(secure, at+"/readyz")...); got != "ready\n" {
		t.Error(got)
	}
	if got := curl(t, append(secure, at+"/mail/config-v1.1.xml?emailaddress=alice@"+domain)...); !strings.Contains(got, "<username>%EMAILADDRESS%</username>") {
		t.Error(got)
	}
	if got := curl(t, append(secure, "--data-binary", outlookAsks("alice@"+domain), "-H", "Content-Type: text/xml", at+"/autodiscover/autodiscover.xml")...); !strings.Contains(got, "<Type>IMAP</Type>") {
		t.Error(got)
	}
	if got := curl(t, "http://"+i.Ports.Metrics+"/metrics"); !strings.Contains(got, "\npostroom_database_up 1\n") {
		t.Error(got)
	}
	if out, _ := i.CLI("", "check", "--no-dns"); strings.Count(out, "(listen.http") != 2 || !strings.Contains(out, "(listen.metrics) answers") {
		t.Errorf("check: %s", out)
	}
}

// TestReverseProxy: a proxy of the test owns 443; the server has no HTTPS.
func TestReverseProxy(t *testing.T) {
	i := testbed.Company(t, testbed.Options{Settings: `http_proxies = ["127.0.0.0/30"]`, Env: []string{"POSTROOM_LISTEN_HTTPS="}}, domain, "alice")
	if _, err := i.CLI("", "domain", "mta-sts", domain, "--mode", "testing"); err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", serverTLS(t, i))
	if err != nil {
		t.Fatal(err)
	}
	proxy := &http.Server{Handler: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: i.Ports.HTTP})
		r.Out.Host = r.In.Host
		r.SetXForwarded()
	}}}
	go proxy.Serve(l)
	t.Cleanup(func() { proxy.Close() })
	readDocuments(t, i, documents(t, browser(t, i, l.Addr().String()), "alice", domain))
	// From elsewhere the header says nothing.
	direct := browser(t, i, i.Ports.HTTP)
	direct.Transport.(*http.Transport).DialContext = dialer(&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}, i.Ports.HTTP)
	q, _ := http.NewRequest("GET", "http://mta-sts."+domain+"/.well-known/mta-sts.txt", nil)
	q.Header.Set("X-Forwarded-Proto", "https")
	r, err := direct.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusFound {
		t.Errorf("a stranger's X-Forwarded-Proto was believed: %d", r.StatusCode)
	}
}

// serverTLS is what the proxy shows: the server's own certificate.
func serverTLS(t *testing.T, i *testbed.Instance) *tls.Config {
	t.Helper()
	dir := filepath.Dir(i.CAFile())
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "cert.key"))
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}
