package imapd_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// footprint watches the heap of the test, server and clients together.
type footprint struct {
	t          *testing.T
	heap       uint64
	goroutines int
	peak       atomic.Uint64
	stop, done chan struct{}
}

func heapNow() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// watchFootprint begins with what there is now.
func watchFootprint(t *testing.T) *footprint {
	t.Helper()
	runtime.GC()
	p := &footprint{t: t, heap: heapNow(), goroutines: runtime.NumGoroutine(), stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			if h := heapNow(); h > p.peak.Load() {
				p.peak.Store(h)
			}
			select {
			case <-p.stop:
				return
			case <-tick.C:
			}
		}
	}()
	return p
}

// grewAtMost ends the watch; garbage that was not collected yet counts too.
func (p *footprint) grewAtMost(mebibytes uint64) {
	p.t.Helper()
	close(p.stop)
	<-p.done
	peak := p.peak.Load()
	grown := (max(peak, p.heap) - p.heap) >> 20
	p.t.Logf("heap grew by %d MiB", grown)
	if grown > mebibytes {
		p.t.Errorf("the heap grew by %d MiB, more than %d", grown, mebibytes)
	}
	for range 200 {
		if runtime.NumGoroutine() <= p.goroutines {
			return
		}
		select {
		case <-p.t.Context().Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	p.t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), p.goroutines)
}

// pour sends n octets without a line end, and gives how many were taken.
func pour(c net.Conn, n int64) int64 {
	chunk := bytes.Repeat([]byte("x"), 256<<10)
	for sent := int64(0); ; {
		k, err := c.Write(chunk[:min(int64(len(chunk)), n-sent)])
		if sent += int64(k); err != nil || sent == n {
			return sent
		}
	}
}

func patient(c *client) { _ = c.SetDeadline(time.Now().Add(2 * time.Minute)) }

const gibibyte = 1 << 30

// A literal of 1 GiB that the client sends unasked is read over where a message
// may be as large, in constant memory, and ends the connection elsewhere.
func TestHeavyLiteral(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	large := b.config()
	large.MaxMessageSize = gibibyte
	_, addr := serve(t, large, false)
	_, narrow := serve(t, b.config(), false)

	p := watchFootprint(t)
	cl := dial(t, addr)
	patient(cl)
	cl.login(t, "ann@example.test")
	cl.write(t, fmt.Sprintf("a APPEND nowhere {%d+}\r\n", gibibyte))
	if n := pour(cl, gibibyte); n != gibibyte {
		t.Errorf("%d octets were read over", n)
	}
	cl.write(t, "\r\nb NOOP\r\n")
	if got := strings.Join(cl.until(t, "b "), "\n"); !strings.HasPrefix(got, "a NO [TRYCREATE]") || !strings.Contains(got, "b OK") {
		t.Error(got)
	}
	_ = cl.Close()

	for _, command := range []string{"APPEND INBOX", "APPEND nowhere", "SEARCH TEXT", "CREATE", "x"} {
		cl := dial(t, narrow)
		patient(cl)
		cl.login(t, "ann@example.test")
		cl.write(t, fmt.Sprintf("a %s {%d+}\r\n", command, gibibyte))
		if n := pour(cl, gibibyte); n > 64<<20 {
			t.Errorf("%s: %d octets were read", command, n)
		}
		_ = cl.Close()
	}
	p.grewAtMost(32)
}

// A client that asks first is told no at once and sends nothing.
func TestLiteralOfAGibibyteIsRefusedUnsent(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	_, addr := serve(t, b.config(), false)
	cl := dial(t, addr)
	cl.login(t, "ann@example.test")
	for command, want := range map[string]string{"APPEND INBOX": "a NO [TOOBIG]", "SEARCH TEXT": "a BAD [TOOBIG]",
		"CREATE": "a BAD [TOOBIG]", `SETMETADATA "" (/private/comment`: "a BAD [TOOBIG]"} {
		cl.write(t, fmt.Sprintf("a %s {%d}\r\n", command, gibibyte))
		if l := cl.line(t); !strings.HasPrefix(l, want) {
			t.Errorf("%s: %s", command, l)
		}
	}
	cl.write(t, "b NOOP\r\n")
	cl.until(t, "b OK")
}

// Arguments nested 100,000 deep cost neither stack nor time.
func TestHeavyNestedArguments(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	_, addr := serve(t, b.config(), false)
	cl := dial(t, addr)
	patient(cl)
	cl.login(t, "ann@example.test")
	cl.write(t, "a SELECT INBOX\r\n")
	cl.until(t, "a OK")
	p := watchFootprint(t)
	const n = 100_000
	open := strings.Repeat("(", n)
	for _, text := range []string{
		"SEARCH " + open + "ALL", "SEARCH " + strings.Repeat("NOT ", n/4) + "ALL", "SEARCH " + strings.Repeat("OR ", n/3) + "ALL",
		"SEARCH " + strings.Repeat("FUZZY ", n/6) + "ALL", "UID SEARCH RETURN (ALL) " + open + "ALL",
		"FETCH 1 " + open + "UID", "FETCH 1 BODY[" + strings.Repeat("1.", n/2) + "1]", "FETCH 1 BODY[HEADER.FIELDS " + open + "A]",
		"LIST " + open + "SUBSCRIBED", `LIST "" ` + open + "a", `LIST "" "*" RETURN ` + open, "LSUB \"\" " + strings.Repeat("*", n),
		`LIST "" ` + strings.Repeat("%/", n/2), "NOTIFY SET " + open, "NOTIFY SET (MAILBOXES " + open + "a",
		"SORT " + open + "DATE) UTF-8 ALL", "THREAD REFERENCES UTF-8 " + open + "ALL", "ESEARCH IN " + open + "personal) ALL",
		"STORE 1 +FLAGS " + open + "a", "STATUS INBOX " + open, "ID " + open, `GETMETADATA "" ` + open, "CREATE a (USE " + open,
		"SELECT INBOX (QRESYNC " + open, "APPEND INBOX " + open + " {1+}", "REPLACE 1 INBOX " + open + " {1+}",
		"RENAME " + strings.Repeat("a/", n/2) + "b c", "COPY " + strings.Repeat("1,", n/2) + "1 " + open,
		"SETACL INBOX ann@example.test " + open, strings.Repeat("UID ", n/4) + "NOOP", open,
	} {
		for _, end := range []string{"", ")", strings.Repeat(")", 20_000), strings.Repeat(")", n)} {
			cl.write(t, "t "+text+end+"\r\n")
			if strings.HasSuffix(text, "{1+}") && end == "" {
				cl.write(t, "x\r\n")
			}
			got := cl.until(t, "t ")
			if last := got[len(got)-1]; !strings.HasPrefix(last, "t BAD") && !strings.HasPrefix(last, "t NO") {
				t.Errorf("%.40s…: %.100s", text, last)
			}
		}
		cl.write(t, "ok NOOP\r\n") // errors in a row would end the connection
		cl.until(t, "ok OK")
	}
	_ = cl.Close()
	p.goroutines-- // that session's
	p.grewAtMost(32)
}

// nestedMail has multiparts within multiparts, or messages within messages.
func nestedMail(levels int, rfc822 bool) string {
	var m strings.Builder
	m.WriteString("Subject: deep\r\n")
	for i := range levels {
		if rfc822 {
			m.WriteString("Content-Type: message/rfc822\r\n\r\n")
		} else {
			fmt.Fprintf(&m, "Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n", i, i)
		}
	}
	m.WriteString("\r\nthe innermost\r\n")
	return m.String()
}

// A stored message that is nested 100,000 deep is served like any other.
func TestHeavyNestedMail(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	_, addr := serve(t, b.config(), false)
	cl := dial(t, addr)
	patient(cl)
	cl.login(t, "ann@example.test")
	p := watchFootprint(t)
	for _, m := range []string{nestedMail(100_000, false), nestedMail(100_000, true)} {
		cl.write(t, fmt.Sprintf("a APPEND INBOX {%d+}\r\n%s\r\n", len(m), m))
		cl.until(t, "a OK")
	}
	cl.write(t, "b SELECT INBOX\r\n")
	cl.until(t, "b OK")
	for _, text := range []string{"FETCH 1:* (ENVELOPE BODYSTRUCTURE)", "FETCH 1:* (BODY PREVIEW BODY.PEEK[1.1.1.1.1.1] BODY.PEEK[1.1.1.MIME])",
		"FETCH 1:* BINARY.PEEK[1.1]", "FETCH 1:* BODY.PEEK[" + strings.Repeat("1.", 999) + "1]", "SEARCH TEXT innermost", "THREAD REFERENCES UTF-8 ALL"} {
		cl.write(t, "c "+text+"\r\n")
		got := cl.until(t, "c ")
		if last := got[len(got)-1]; !strings.HasPrefix(last, "c OK") && !strings.HasPrefix(last, "c NO [UNKNOWN-CTE]") && !strings.HasPrefix(last, "c BAD") {
			t.Errorf("%.60s: %s", text, last)
		}
		for _, l := range got {
			if len(l) > 512<<10 {
				t.Errorf("%.60s: a line of %d octets", text, len(l))
			}
		}
	}
	_ = cl.Close()
	p.goroutines--
	p.grewAtMost(96)
}

// A line without an end is not kept, and ends the connection before long.
func TestEndlessLine(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	_, addr := serve(t, b.config(), false)
	p := watchFootprint(t)
	for _, begin := range []string{"", "a SEARCH TEXT ", "a APPEND INBOX ", "a IDLE\r\n", "a AUTHENTICATE PLAIN\r\n", "a AUTHENTICATE PLAIN ", "a ID (\"", "a NOOP {9+}\r\n"} {
		for _, loggedIn := range []bool{false, true} {
			cl := dial(t, addr)
			patient(cl)
			if loggedIn {
				cl.login(t, "ann@example.test")
			}
			cl.write(t, begin)
			if n := pour(cl, gibibyte); n > 64<<20 {
				t.Errorf("%q: %d octets were taken", begin, n)
			}
			_ = cl.Close()
		}
	}
	p.grewAtMost(32)
}

// NUL is no part of a command, and does no harm anywhere in one.
func TestNULAnywhere(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	_, addr := serve(t, b.config(), false)
	cl := dial(t, addr)
	cl.login(t, "ann@example.test")
	cl.write(t, "a SELECT INBOX\r\n")
	cl.until(t, "a OK")
	for _, command := range []string{"LIST \"\" \"*\"", "CREATE box", "SEARCH SUBJECT \"x\"", "FETCH 1 (BODY[HEADER.FIELDS (A)])",
		"STORE 1 +FLAGS (k)", "ID (\"name\" \"x\")", "CREATE {3+}\r\nbox"} {
		header := strings.Index(command, "\r\n")
		for i := 0; i <= len(command); i++ {
			if header >= 0 && i <= header+1 && i >= strings.Index(command, "{") {
				continue // no literal is announced then
			}
			if i > header && header >= 0 && i == len(command) {
				continue // behind the literal
			}
			text := command[:i] + "\x00" + command[i:]
			if header >= 0 && i > header {
				text = command[:i] + "\x00" + command[i+1:]
			}
			cl.write(t, "t "+text+"\r\nu NOOP\r\n")
			got := cl.until(t, "u ")
			if all := strings.Join(got, "\n"); !strings.Contains(all, "t BAD") && !strings.Contains(all, "t NO") && !strings.Contains(all, "* BAD") || !strings.Contains(all, "u OK") {
				t.Errorf("%q: %q", text, got)
			}
		}
	}
}

// A client that sends 10,000 commands and reads no answer is cut off, and costs
// no more than one that reads.
func TestHeavyPipeline(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	limited := b.config()
	limited.WriteTime = 500 * time.Millisecond
	srv, addr := serve(t, limited, false)
	fill := dial(t, addr)
	fill.login(t, "ann@example.test")
	m := "Subject: x\r\n\r\n" + strings.Repeat("a line of text\r\n", 4000)
	fill.write(t, fmt.Sprintf("a APPEND INBOX {%d+}\r\n%s\r\n", len(m), m))
	fill.until(t, "a OK")
	_ = fill.Close()
	for _, c := range []struct {
		command string
		cut     bool // the answers are more than the connection's buffers hold
	}{{"NOOP", false}, {"SEARCH ALL", false}, {"CAPABILITY", true}, {"FETCH 1 (FLAGS ENVELOPE BODY.PEEK[])", true}} {
		t.Run(c.command[:4], func(t *testing.T) {
			p := watchFootprint(t)
			cl := dial(t, addr)
			cl.login(t, "ann@example.test")
			patient(cl)
			in := "s SELECT INBOX\r\n" + strings.Repeat("t "+c.command+"\r\n", 10_000)
			if _, err := io.WriteString(cl, in); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
				t.Fatal(err)
			}
			if c.cut {
				awaitSessions(t, srv, 0)
			}
			_ = cl.Conn.(*net.TCPConn).CloseWrite()
			rest, _ := io.ReadAll(cl.r)
			if n := bytes.Count(rest, []byte("\r\nt OK")); (n == 10_000) == c.cut {
				t.Errorf("%d answers", n)
			}
			_ = cl.Close()
			p.grewAtMost(32)
		})
	}
}
