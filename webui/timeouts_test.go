package webui

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are in memory.
type pipes struct{ c chan net.Conn }

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p.c
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipes) Close() error { return nil }
func (pipes) Addr() net.Addr { return &net.TCPAddr{} }

// dial connects to a server that runs until the test's end.
func dial(t *testing.T, f *fixture) net.Conn {
	t.Helper()
	l := pipes{make(chan net.Conn, 1)}
	done := make(chan error, 1)
	go func() { done <- f.Serve(l, false) }()
	client, server := net.Pipe()
	l.c <- server
	t.Cleanup(func() {
		client.Close()
		close(l.c)
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return client
}

// A client that sends or waits for ever is cut off, wherever it stops.
func TestSlowClientsAreCutOff(t *testing.T) {
	for name, tc := range map[string]struct {
		sends string
		limit time.Duration
	}{
		"nothing":       {"", headerTime},
		"half a header": {"GET /healthz HTTP/1.1\r\nHost: exam", headerTime},
		"half a body": {"POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: example.org\r\nX-Forwarded-Proto: https\r\nContent-Length: 1000\r\n\r\n<Auto",
			requestTime},
		"no second request": {"GET /healthz HTTP/1.1\r\nHost: example.org\r\n\r\n", idleTime},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := serve(t, nil)
			conn := dial(t, f)
			began := time.Now()
			io.WriteString(conn, tc.sends)
			_, err := io.Copy(io.Discard, conn)
			if took := time.Since(began); err != nil || took > tc.limit+time.Second || took < tc.limit/2 {
				t.Errorf("%s: the connection stood %v, want about %v; %v", name, took, tc.limit, err)
			}
		})
	}
}
