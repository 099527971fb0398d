// Package faults takes away what postroom stands on, under load: PostgreSQL,
// disk space, DNS, and the process itself by SIGTERM. Nothing that got its 250
// is lost, and everything goes on unaided.
package faults

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
	"postroom/internal/dns/dnstest"
	"postroom/internal/pgembed"
)

const bob = "bob@example.test"

// exactlyOnce checks that every acknowledged message is in bob's INBOX once.
func exactlyOnce(t *testing.T, inst *testbed.Instance, fates []testbed.Fate) {
	t.Helper()
	c, err := inst.IMAPS(bob, testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, _, err := c.Select("INBOX"); err != nil {
		t.Fatal(err)
	}
	lines, err := c.OK("UID FETCH 1:* BODY.PEEK[HEADER.FIELDS (X-Case)]")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, l := range lines {
		if len(l.Literals) == 1 {
			got[testbed.Key(l.Literals[0])]++
		}
	}
	for _, f := range fates {
		if n := got[f.Key]; n != 1 && !f.Relayed {
			t.Errorf("%s got its 250 and is there %d times", f.Key, n)
		}
	}
	if len(fates) == 0 {
		t.Error("the load sent nothing")
	}
}

func until(t *testing.T, limit time.Duration, ok func() error) {
	t.Helper()
	if err := testbed.Until(t.Context(), limit, ok); err != nil {
		t.Fatal(err)
	}
}

func TestPostgresIsStopped(t *testing.T) {
	dir := testbed.Dir(t)
	pg, err := pgembed.Start(t.Context(), pgembed.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { pg.Stop(context.Background()) }()
	inst := testbed.Company(t, testbed.Options{Database: pg.URL, Settings: "lift_limits = true"}, "example.test", "alice", "bob")
	session, err := inst.IMAPS(bob, testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if _, _, err := session.Select("INBOX"); err != nil {
		t.Fatal(err)
	}
	load := testbed.StartLoad(inst, 4, false)
	until(t, 30*time.Second, func() error { return atLeast(load.Acked(), 20) })
	if err := pg.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	away := time.Now()
	until(t, 60*time.Second, func() error {
		for code, n := range load.Codes() {
			if code >= 400 && code < 500 && n >= 4 {
				return nil
			}
		}
		return fmt.Errorf("no 4xx yet: %v", load.Codes())
	})
	for code := range load.Codes() {
		if code >= 500 {
			t.Errorf("a sender got %d while the database was away", code)
		}
	}
	if _, status, err := session.Cmd("STATUS Sent (MESSAGES)"); err != nil || !strings.HasPrefix(status, "NO [UNAVAILABLE]") {
		t.Errorf("IMAP while the database is away: %q %v", status, err)
	}
	acked := load.Acked()
	testbed.Pause(t.Context(), 30*time.Second-time.Since(away))
	if pg, err = pgembed.Start(t.Context(), pgembed.Config{DataDir: dir}); err != nil {
		t.Fatal(err)
	}
	until(t, 60*time.Second, func() error { return atLeast(load.Acked(), acked+20) })
	until(t, 30*time.Second, func() error {
		_, err := session.OK("NOOP")
		return err
	})
	exactlyOnce(t, inst, load.Finish())
}

func atLeast(n, want int) error {
	if n >= want {
		return nil
	}
	return fmt.Errorf("%d of %d messages", n, want)
}

func TestSpoolDiskIsFull(t *testing.T) {
	dir := testbed.Dir(t)
	spool := filepath.Join(dir, "data", "spool")
	mount(t, spool, "2m")
	inst := testbed.Company(t, testbed.Options{Dir: dir, Settings: "lift_limits = true"}, "example.test", "alice", "bob")
	big := []byte("From: carol@outside.example\r\nSubject: big\r\n\r\n" + noise(t))
	if r := send(t, inst, big); r.Code != 452 {
		t.Errorf("a message that the spool can't hold: %v", r)
	}
	if r := send(t, inst, []byte("From: carol@outside.example\r\nSubject: small\r\n\r\nstill works\r\n")); r.Code != 250 {
		t.Errorf("a small one after it: %v", r)
	}
	c, err := inst.IMAPS(bob, testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	status, err := c.Append("INBOX", big)
	if err != nil || !strings.HasPrefix(status, "NO") {
		t.Errorf("APPEND of what the spool can't hold: %q %v", status, err)
	}
	if n, _, err := c.Select("INBOX"); err != nil || n != 1 {
		t.Errorf("%d messages, %v; want the small one", n, err)
	}
}

func TestDatabaseDiskIsFull(t *testing.T) {
	dir := testbed.Dir(t)
	mount(t, dir, "400m")
	if err := os.Chmod(dir, 0o711); err != nil { // the mount hides the old mode
		t.Fatal(err)
	}
	pg, err := pgembed.Start(t.Context(), pgembed.Config{DataDir: filepath.Join(dir, "pg")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { pg.Stop(context.Background()) }()
	inst := testbed.Company(t, testbed.Options{Database: pg.URL, Settings: "lift_limits = true"}, "example.test", "alice", "bob")
	load := testbed.StartLoad(inst, 4, false)
	until(t, 30*time.Second, func() error { return atLeast(load.Acked(), 20) })
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	until(t, 120*time.Second, func() error {
		for code, n := range load.Codes() {
			if code >= 400 && code < 500 && n >= 4 {
				return nil
			}
		}
		fill(t, ballast)
		return fmt.Errorf("no 4xx yet: %v", load.Codes())
	})
	for code := range load.Codes() {
		if code >= 500 {
			t.Errorf("a sender got %d while the database's disk was full", code)
		}
	}
	acked := load.Acked()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until(t, 120*time.Second, func() error { return atLeast(load.Acked(), acked+20) })
	exactlyOnce(t, inst, load.Finish())
}

func TestDNSIsDead(t *testing.T) {
	port, err := testbed.CommonPort("127.0.5.1", "127.0.5.2")
	if err != nil {
		t.Fatal(err)
	}
	sink, err := testbed.NewSink(fmt.Sprintf("127.0.5.2:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	dns := dnstest.New(t)
	dns.Add("remote.example. 1 IN MX 10 mx.remote.example.", "mx.remote.example. 1 IN A 127.0.5.2")
	dns.Fail("remote.example.", dnstest.ServFail)
	inst := testbed.Company(t, testbed.Options{Host: "127.0.5.1", Relay: port, DNS: dns.Addr()}, "example.test", "alice", "bob")
	msg := []byte("X-Case: dns\r\nFrom: <alice@example.test>\r\nTo: <x@remote.example>\r\n\r\nHello\r\n")
	if r, err := inst.Submit("alice@example.test", testbed.Password, []string{"x@remote.example"}, msg); err != nil || r.Code != 250 {
		t.Fatal(r, err)
	}
	until(t, 60*time.Second, func() error {
		out, err := inst.CLI("", "queue", "list", "--json")
		if err != nil || !strings.Contains(out, "4.4.3") {
			return fmt.Errorf("not deferred for DNS: %s %v", out, err)
		}
		return nil
	})
	dns.Fail("remote.example.", dnstest.None)
	until(t, 60*time.Second, func() error {
		if _, err := inst.CLI("", "queue", "retry", "--all"); err != nil {
			return err
		}
		if n := sink.Counts()["dns"]; n != 1 {
			return fmt.Errorf("the sink has it %d times", n)
		}
		return nil
	})
}

func TestSIGTERMDrains(t *testing.T) {
	inst := testbed.Company(t, testbed.Options{Settings: "lift_limits = true"}, "example.test", "alice", "bob")
	load := testbed.StartLoad(inst, 8, false)
	until(t, 30*time.Second, func() error { return atLeast(load.Acked(), 20) })
	idle, err := client.DialIMAP(inst.Ports.IMAP, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	began := time.Now()
	if err := inst.Stop(20 * time.Second); err != nil {
		t.Fatalf("after %v: %v", time.Since(began), err)
	}
	if l, err := idle.ReadLine(); err != nil || !strings.HasPrefix(l.Text, "* BYE") {
		t.Errorf("an idle IMAP client was told %q %v", l.Text, err)
	}
	t.Logf("drained in %v", time.Since(began).Round(time.Millisecond))
	if err := inst.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	exactlyOnce(t, inst, load.Finish())
}

// send makes one transaction on port 25.
func send(t *testing.T, inst *testbed.Instance, msg []byte) client.Reply {
	t.Helper()
	c, _, err := client.DialSMTP(inst.Ports.SMTP, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Cmd("EHLO outside.example"); err != nil {
		t.Fatal(err)
	}
	r, err := c.Send("sender@outside.example", []string{bob}, msg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// mount puts a file system of a bounded size at dir for the test's time.
func mount(t *testing.T, dir, size string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("a small file system can't be mounted (this case needs root): %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// fill appends to a file until its disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 64 << 10, 4 << 10} {
		p := make([]byte, size)
		for {
			if _, err := f.Write(p); err != nil {
				break
			}
		}
	}
}

// noise gives 4 MB of lines that don't compress below the spool's 2 MB.
func noise(t *testing.T) string {
	t.Helper()
	raw := make([]byte, 3<<20)
	if _, err := rand.Read(raw); err != nil {
		t.Fatal(err)
	}
	text := base64.StdEncoding.EncodeToString(raw)
	var b strings.Builder
	for len(text) > 76 {
		b.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	return b.String()
}
