package web

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"postroom/e2e/testbed"
)

// raw sends octets and gives the first answer, "" when the connection was just
// closed.
func raw(t *testing.T, addr, octets string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	go io.WriteString(conn, octets)
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%.60q: %v", octets, err)
	}
	return r
}

func TestLimits(t *testing.T) {
	i := testbed.Company(t, testbed.Options{}, domain)
	for octets, status := range map[string]int{
		"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 32<<10) + "\r\n\r\n": http.StatusRequestHeaderFieldsTooLarge,
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                                                   http.StatusBadRequest,
		"GET /healthz HTTP/1.1\r\n\r\n":                                                      http.StatusBadRequest, // no Host
		"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n":                                           http.StatusOK,
	} {
		if r := raw(t, i.Ports.HTTP, octets); r.StatusCode != status {
			t.Errorf("%.60q: %d, want %d", octets, r.StatusCode, status)
		}
	}
}

// A client has its share of connections; one over it is closed at once, and
// another client is served all the same.
func TestConnectionsPerAddress(t *testing.T) {
	i := testbed.New(t, testbed.Options{Settings: "limits.connections_per_address = 4\n"})
	conf, err := i.TLS()
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		conn, err := tls.Dial("tcp", i.Ports.HTTPS, conf) // let in, when this returns
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if conn, err := tls.Dial("tcp", i.Ports.HTTPS, conf); err == nil {
		conn.Close()
		t.Error("a fifth connection was let in")
	}
	other := tls.Dialer{NetDialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}, Config: conf}
	conn, err := other.DialContext(t.Context(), "tcp", i.Ports.HTTPS)
	if err != nil {
		t.Fatalf("another client: %v", err)
	}
	conn.Close()
}
