package server

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postroom/internal/config"
	"postroom/internal/mail"
	"postroom/store/storetest"
)

// testConfig gives loopback ports and a private PostgreSQL: the one that tests
// share runs without fsync, which a server refuses.
func testConfig(t *testing.T, flags map[string]string) *config.Config {
	t.Helper()
	dir, err := os.MkdirTemp("", "postroom-server-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { // PostgreSQL's user passes it
		t.Fatal(err)
	}
	all := map[string]string{"data_dir": filepath.Join(dir, "data"), "hostname": "mail.test"}
	for _, k := range []string{"smtp", "submissions", "submission", "imap", "imaps", "http", "https", "metrics"} {
		all["listen."+k] = "127.0.0.1:0"
	}
	for k, v := range flags {
		all[k] = v
	}
	cfg, err := config.Load(config.Args{Flags: all, Environ: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestStartHealthShutdown(t *testing.T) {
	cfg := testConfig(t, nil)
	var log bytes.Buffer
	s, err := Start(t.Context(), cfg, Options{Log: slog.New(slog.NewJSONHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"smtp": "220 ", "submission": "220 ", "imap": "* OK"} {
		conn, err := net.Dial("tcp", s.Addresses()[key][0])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		line := make([]byte, 4)
		if _, err := conn.Read(line); err != nil || string(line) != want {
			t.Errorf("%s greets %q, %v", key, line, err)
		}
	}
	h, err := AskHealth(t.Context(), cfg.DataDir)
	if err != nil || !h.OK || len(h.Addresses) != 8 {
		t.Errorf("%+v, %v", h, err)
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d > DrainTime {
		t.Errorf("idle connections held the stop up for %v", d)
	}
	if _, err := AskHealth(t.Context(), cfg.DataDir); err == nil {
		t.Error("health answers after the stop")
	}
}

func TestUnsafeDatabaseIsRefused(t *testing.T) {
	url := storetest.Database(t)
	_, err := Start(t.Context(), testConfig(t, map[string]string{"database_url": url}), Options{})
	if err == nil || !strings.Contains(err.Error(), "fsync=off") {
		t.Fatalf("a database that loses mail was taken: %v", err)
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Start(t.Context(), testConfig(t, map[string]string{"listen.imap": l.Addr().String()}), Options{})
	var e *mail.Error
	if !errors.As(err, &e) || !strings.Contains(e.Text, "(listen.imap) is in use") || !strings.Contains(e.Hint, "ss -ltnp") {
		t.Fatal(err)
	}
}

func TestExempt(t *testing.T) {
	gateway := netip.MustParseAddr("172.18.0.1")
	for _, tc := range []struct {
		lift bool
		addr string
		want bool
	}{
		{false, "172.18.0.1", true}, {false, "::ffff:172.18.0.1", true}, {false, "172.18.0.2", false},
		{false, "127.0.0.1", false}, {true, "127.0.0.1", true}, {true, "::1", true}, {true, "192.0.2.1", false},
	} {
		f := exempt(&config.Config{LiftLimits: tc.lift}, []netip.Addr{gateway})
		if got := f(netip.MustParseAddr(tc.addr)); got != tc.want {
			t.Errorf("lift_limits=%v %s: %v", tc.lift, tc.addr, got)
		}
	}
}
