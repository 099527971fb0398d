package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// get gives status and body; every request on a connection of its own.
func get(t *testing.T, ca, url string) (int, string) {
	t.Helper()
	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	c := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := c.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func TestHTTPIsWired(t *testing.T) {
	s, err := Start(t.Context(), testConfig(t, nil), Options{Version: "0.test"})
	if err != nil {
		t.Fatal(err)
	}
	at := s.Addresses()
	smtp, err := net.Dial("tcp", at["smtp"][0])
	if err != nil {
		t.Fatal(err)
	}
	defer smtp.Close()
	smtp.SetDeadline(time.Now().Add(30 * time.Second))
	r := bufio.NewReader(smtp)
	for _, line := range []string{"EHLO client.test\r\n", "MAIL FROM:<a@client.test>\r\n", "RCPT TO:<nobody@elsewhere.test>\r\n", "NOOP\r\n"} {
		io.WriteString(smtp, line)
	}
	for answer := ""; !strings.HasPrefix(answer, "250 2.0.0"); { // of NOOP
		if answer, err = r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	for url, want := range map[string]int{"http://" + at["http"][0] + "/readyz": 200, "https://" + at["https"][0] + "/readyz": 200,
		"http://" + at["metrics"][0] + "/readyz": 200, "http://" + at["metrics"][0] + "/healthz": 200,
		"http://" + at["http"][0] + "/metrics": 404, "https://" + at["https"][0] + "/metrics": 404} {
		if status, body := get(t, s.CAFile(), url); status != want {
			t.Errorf("%s: %d %s", url, status, body)
		}
	}
	_, metrics := get(t, s.CAFile(), "http://"+at["metrics"][0]+"/metrics")
	for _, want := range []string{"\npostroom_database_up 1\n", "\npostroom_build_info{version=\"0.test\"} 1\n", "\ngo_goroutines ", "\nprocess_open_fds ",
		"\npostroom_connections_total{proto=\"smtp\",role=\"mx\"} 1\n", "\npostroom_connections_open{proto=\"smtp\",role=\"mx\"} 1\n",
		"\npostroom_rejects_total{role=\"mx\",status=\"5.7.1\",verb=\"RCPT\"} 1\n", "\npostroom_queue_entries{state=\"ready\"} 0\n",
		"\npostroom_database_connections{pool=\"deliver\",state=\"in-use\"} 0\n", "\npostroom_http_requests_total{route=\"/readyz\",status=\"200\"} 2\n",
		"\npostroom_certificate_end_timestamp_seconds ", fmt.Sprintf("\npostroom_database_connections_max{pool=%q} ", "general")} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %q in\n%s", want, metrics)
		}
	}
	readyWhileStopping(t, s, at, smtp)
}

// readyWhileStopping: a load balancer hears of the stop while the transaction
// of smtp holds it up.
func readyWhileStopping(t *testing.T, s *Server, at map[string][]string, smtp net.Conn) {
	t.Helper()
	ca, stopped := s.CAFile(), make(chan error, 1)
	go func() { stopped <- s.Shutdown(context.Background()) }()
	until := time.Now().Add(10 * time.Second)
	for {
		status, body := get(t, ca, "http://"+at["http"][0]+"/readyz")
		if status == 503 && body == "the server is stopping\n" {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("while stopping: %d %s", status, body)
		}
	}
	if _, err := net.Dial("tcp", at["imap"][0]); err == nil {
		t.Error("a mail port takes new connections while stopping")
	}
	if status, _ := get(t, ca, "https://"+at["https"][0]+"/healthz"); status != 200 {
		t.Errorf("healthz while stopping: %d", status)
	}
	smtp.Close()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if status, _ := get(t, ca, "http://"+at["http"][0]+"/readyz"); status != 0 {
		t.Errorf("after the stop: %d", status)
	}
}
