package imapd_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"postroom/imapd"
)

// crowdEnv makes the test binary a crowd of clients: "ADDRESS COUNT KIND".
const crowdEnv = "POSTROOM_TEST_CROWD"

// raiseFiles lifts the limit of open files as far as it goes.
func raiseFiles() uint64 {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 0
	}
	l.Cur = l.Max
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
	return l.Max
}

// crowd opens connections, says how many were let in and how many were told
// that there are too many, and keeps them until its input ends.
func crowd(order string) error {
	raiseFiles()
	f := strings.Fields(order)
	n, err := strconv.Atoi(f[1])
	if err != nil {
		return err
	}
	var in, refused atomic.Int64
	var kept sync.Map
	var wg sync.WaitGroup
	next := make(chan int)
	for range 16 {
		wg.Go(func() {
			for i := range next {
				c, err := joins(f[0], f[2])
				if c != nil {
					kept.Store(i, c)
				}
				if err == nil {
					in.Add(1)
				} else if strings.Contains(err.Error(), "* BYE [UNAVAILABLE] too many connections") {
					refused.Add(1)
				} else {
					fmt.Fprintln(os.Stderr, i, err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	fmt.Printf("%d %d\n", in.Load(), refused.Load())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// joins opens one connection of a kind: plain, tls, starttls, idle.
func joins(addr, kind string) (net.Conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(5 * time.Minute))
	lax := &tls.Config{InsecureSkipVerify: true, ClientSessionCache: nil}
	if kind == "tls" {
		c = tls.Client(c, lax)
	}
	r := bufio.NewReader(c)
	ask := func(command, want string) error {
		if _, err := io.WriteString(c, command); err != nil {
			return err
		}
		for {
			l, err := r.ReadString('\n')
			if err != nil || strings.HasPrefix(l, want) {
				return err
			}
			if !strings.HasPrefix(l, "* ") || strings.HasPrefix(l, "* BYE") {
				return fmt.Errorf("%q in answer to %q", l, command)
			}
		}
	}
	if err := ask("", "* OK"); err != nil {
		return c, err
	}
	switch kind {
	case "starttls":
		if err := ask("a STARTTLS\r\n", "a OK"); err != nil {
			return c, err
		}
		c = tls.Client(c, lax)
		r = bufio.NewReader(c)
		return c, ask("b CAPABILITY\r\n", "b OK")
	case "idle":
		if err := ask(fmt.Sprintf("a LOGIN ann@example.test %q\r\n", password), "a OK"); err != nil {
			return c, err
		}
		if err := ask("b SELECT INBOX\r\n", "b OK"); err != nil {
			return c, err
		}
		return c, ask("c IDLE\r\n", "+ ")
	}
	return c, nil
}

// gather starts a crowd and gives what it counted; leave ends it.
func gather(t *testing.T, addr string, n int, kind string) (in, refused int, leave func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s", crowdEnv, addr, n, kind))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	leave = sync.OnceFunc(func() {
		_ = stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("crowd: %v", err)
		}
	})
	t.Cleanup(leave)
	if _, err := fmt.Fscan(stdout, &in, &refused); err != nil {
		t.Fatal(err)
	}
	return in, refused, leave
}

// settledHeap is the heap when nothing more can be collected.
func settledHeap() int64 {
	for range 5 { // stacks shrink by half each time
		runtime.GC()
	}
	return int64(heapNow())
}

func awaitSessions(t *testing.T, srv *imapd.Server, want int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for srv.Sessions() != want {
		select {
		case <-ctx.Done():
			t.Fatalf("%d sessions, want %d", srv.Sessions(), want)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// A connection that has not logged in costs under 20 kB, with TLS too.
func TestHeavyCostBeforeLogin(t *testing.T) {
	raiseFiles()
	b := newBackend(t)
	c := b.config()
	c.TLS, c.LoginTime = serverTLS(t), 10*time.Minute
	plain, plainAddr := serve(t, c, false)
	secure, secureAddr := serve(t, c, true)
	for _, k := range []struct {
		kind string
		srv  *imapd.Server
		addr string
	}{{"plain", plain, plainAddr}, {"tls", secure, secureAddr}, {"starttls", plain, plainAddr}} {
		t.Run(k.kind, func(t *testing.T) {
			const n = 2000
			before := settledHeap()
			in, _, leave := gather(t, k.addr, n, k.kind)
			if in != n || k.srv.Sessions() != n {
				t.Errorf("%d are in, the server counts %d", in, k.srv.Sessions())
			}
			each := (settledHeap() - before) / n
			t.Logf("%d octets for each connection", each)
			if each >= 20_000 {
				t.Errorf("a connection costs %d octets before login", each)
			}
			leave()
			awaitSessions(t, k.srv, 0)
		})
	}
}

// 5,000 connections are served, before login and idle in a mailbox; the next
// is told that there are too many, and gets in when one has left.
func TestHeavyCrowd(t *testing.T) {
	const n = 5000
	if files := raiseFiles(); files < n+500 {
		t.Fatalf("only %d files may be open: ulimit -n", files)
	}
	b := newBackend(t)
	b.account(t, "ann@example.test")
	c := b.config()
	c.MaxConnections, c.LoginTime = n, 10*time.Minute
	srv, addr := serve(t, c, false)
	for _, kind := range []string{"plain", "idle"} {
		t.Run(kind, func(t *testing.T) {
			goroutines, before := runtime.NumGoroutine(), settledHeap()
			in, refused, leave := gather(t, addr, n+20, kind)
			if in != n || refused != 20 {
				t.Errorf("%d are in, %d were told that there are too many", in, refused)
			}
			t.Logf("%d octets and %.1f goroutines for each connection", (settledHeap()-before)/n, float64(runtime.NumGoroutine()-goroutines)/n)
			if grown := settledHeap() - before; grown > n*16_000 {
				t.Errorf("the heap grew by %d octets", grown)
			}
			leave()
			awaitSessions(t, srv, 0)
			cl := dial(t, addr)
			cl.login(t, "ann@example.test")
			_ = cl.Close()
			awaitSessions(t, srv, 0)
			if left := settledHeap() - before; left > 16<<20 {
				t.Errorf("%d octets stay when all have gone", left)
			}
		})
	}
}
