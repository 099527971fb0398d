package imapd_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"postroom/imapd"
	"postroom/internal/mail"
	"postroom/store/storetest"
)

// A transcript is a conversation of several connections with one account:
//
//	# comment
//	! 3 messages          the INBOX gets three small messages; those that are
//	                      there before the first connection are not \Recent
//	! 3 new messages      \Recent in any case
//	! account ann         another account, whose address is {{$ann}}
//	! now 2026-02-04T12:00:00Z   what the server's clock says
//	! C1 deflates         after COMPRESS; "sends plainly", "reads plainly" undo it
//	! subscriptions 100   names n1 to n100 are subscribed
//	! without X Y:client  the capability X is off, Y for clients of that name
//	! administrator       the account may set quotas; "no administrator" undoes it
//	! message limit 3     of one command
//	! account lacks X Y:client   the same for the account, at any time; "account lacks" for none
//	! tells progress      of every command, at each step
//	! no login            connections are not logged in by themselves
//	M name                a message; its lines follow, each after "| "
//	| Subject: hi
//	C1: a SELECT INBOX    connection 1 sends a line
//	C1-: a LOGIN x {3}    … without CRLF
//	S1: * 3 EXISTS        a line that must come, in order; others may come before
//	!S1: * 4 EXISTS       must not come among the lines of this block
//
// A block is what stands between two runs of C lines. In patterns {{re}} is a
// regular expression, {{name=re}} keeps what it matched, {{$name}} stands for
// it, also in C lines. {{+name}} sends message name as a literal with {n+},
// {{*100 x}} a hundred x, {{"\r"}} octets that a line cannot hold. A
// response that has literals is one line; its line ends are shown as \n.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	b := newBackend(t)
	for i, f := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(f, "testdata/"), ".txt")
		t.Run(name, func(t *testing.T) {
			runTranscript(t, b, f, fmt.Sprintf("user%d@example.test", i))
		})
	}
}

type transcript struct {
	t        *testing.T
	b        *backend
	address  string // of the server
	user     string
	account  mail.AccountID
	login    bool
	config   imapd.Config
	started  bool
	conns    map[string]*client
	messages map[string][]byte
	vars     map[string]string
	where    string
	seen     map[string][]string // lines of this block, by connection
	sending  bool
}

// client is one connection.
type client struct {
	net.Conn
	r     *bufio.Reader
	z     *flate.Writer // after COMPRESS
	plain *bufio.Reader // below r
}

// Write sends, and compresses when COMPRESS was agreed on.
func (c *client) Write(p []byte) (int, error) {
	if c.z == nil {
		return c.Conn.Write(p)
	}
	if _, err := c.z.Write(p); err != nil {
		return 0, err
	}
	return len(p), c.z.Flush()
}

// deflates makes the client compress what it sends, and inflate what it reads.
func (c *client) deflates() {
	c.plain = c.r
	c.r = bufio.NewReaderSize(flate.NewReader(c.plain), 16)
	c.z, _ = flate.NewWriter(c.Conn, flate.BestSpeed)
}

func runTranscript(t *testing.T, b *backend, file, user string) {
	octets, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tr := &transcript{t: t, b: b, user: user, login: true, conns: map[string]*client{}, config: b.config(),
		messages: map[string][]byte{}, vars: map[string]string{"user": user, "password": password}, seen: map[string][]string{}}
	tr.account = b.account(t, user)
	var message string
	for i, line := range strings.Split(string(octets), "\n") {
		tr.where = fmt.Sprintf("%s:%d: %s", file, i+1, line)
		switch {
		case line == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "! "):
			tr.directive(line[2:])
		case strings.HasPrefix(line, "M "):
			message = line[2:]
		case strings.HasPrefix(line, "|"):
			text := strings.TrimPrefix(line[1:], " ")
			tr.messages[message] = append(tr.messages[message], text+"\r\n"...)
		case strings.HasPrefix(line, "C"):
			tr.send(line)
		case strings.HasPrefix(line, "S"):
			who, pattern, _ := strings.Cut(line, ": ")
			tr.expect(strings.TrimPrefix(who, "S"), pattern)
		case strings.HasPrefix(line, "!S"):
			who, pattern, _ := strings.Cut(line, ": ")
			tr.mustNot(strings.TrimPrefix(who, "!S"), pattern)
		default:
			t.Fatalf("%s: not understood", tr.where)
		}
	}
	for _, c := range tr.conns {
		_ = c.Close()
	}
}

func (tr *transcript) directive(text string) {
	tr.t.Helper()
	switch {
	case text == "no login":
		tr.login = false
	case text == "no plain text":
		tr.config.AuthWithoutTLS = false
	case strings.HasPrefix(text, "without "):
		for _, f := range strings.Fields(text)[1:] {
			w, err := imapd.ParseWithout(f)
			if err != nil {
				tr.t.Fatal(err)
			}
			tr.config.Without = append(tr.config.Without, w)
		}
	case text == "tells progress":
		tr.config.ProgressTime = 1
	case text == "tls":
		tr.config.TLS = serverTLS(tr.t)
	case strings.HasPrefix(text, "account lacks"):
		if err := tr.b.store.SetIMAPWithout(context.Background(), "test", tr.account, strings.Fields(text)[2:]); err != nil {
			tr.t.Fatal(err)
		}
	case strings.HasPrefix(text, "account "): // another one; its address is {{$NAME}}
		name := text[len("account "):]
		tr.vars[name] = name + "." + tr.user
		tr.b.account(tr.t, tr.vars[name])
	case strings.HasSuffix(text, " messages allowed"):
		n, _ := strconv.Atoi(strings.TrimSuffix(text, " messages allowed"))
		if err := tr.b.store.SetMessageQuota(context.Background(), "test", tr.account, int64(n)); err != nil {
			tr.t.Fatal(err)
		}
	case strings.HasPrefix(text, "now "):
		now, err := time.Parse(time.RFC3339, text[len("now "):])
		if err != nil {
			tr.t.Fatalf("%s: %v", tr.where, err)
		}
		tr.config.Now = func() time.Time { return now }
	case text == "administrator", text == "no administrator":
		if err := tr.b.store.SetAccountAdmin(context.Background(), "test", tr.account, text == "administrator"); err != nil {
			tr.t.Fatal(err)
		}
	case strings.HasPrefix(text, "message limit "):
		tr.config.MessageLimit, _ = strconv.Atoi(text[len("message limit "):])
	case text == "quota":
		if err := tr.b.store.ExecForTest(context.Background(), `UPDATE accounts SET quota_bytes = 102400 WHERE id = $1`, int64(tr.account)); err != nil {
			tr.t.Fatal(err)
		}
	case strings.HasPrefix(text, "subscriptions "):
		if err := tr.b.store.ExecForTest(context.Background(), `INSERT INTO subscriptions (account_id, name)
			SELECT $1, 'n' || g FROM generate_series(1, $2::int) g`, int64(tr.account), strings.Fields(text)[1]); err != nil {
			tr.t.Fatal(err)
		}
	case text == "expunges forgotten":
		if err := tr.b.store.ExecForTest(context.Background(), `UPDATE mailbox_state s SET vanished_floor = c.highestmodseq
			FROM mailbox_counters c WHERE c.account_id = s.account_id AND c.mailbox_id = s.mailbox_id AND s.account_id = $1`, int64(tr.account)); err != nil {
			tr.t.Fatal(err)
		}
	case text == "saved long ago":
		if err := tr.b.store.ExecForTest(context.Background(), `UPDATE mailbox_messages SET saved_at = '2014-12-28 18:50:53+00' WHERE account_id = $1`, int64(tr.account)); err != nil {
			tr.t.Fatal(err)
		}
	case text == "disable":
		tr.b.mu.Lock()
		tr.b.ended[tr.account] = true
		tr.b.mu.Unlock()
		// Any change of the account makes its sessions look again.
		if err := tr.b.store.Subscribe(context.Background(), tr.account, "Projects"); err != nil {
			tr.t.Fatal(err)
		}
	case strings.HasSuffix(text, " deflates"):
		tr.conn(text[1:strings.Index(text, " ")]).deflates()
	case strings.HasSuffix(text, " sends plainly"):
		tr.conn(text[1:strings.Index(text, " ")]).z = nil
	case strings.HasSuffix(text, " reads plainly"):
		c := tr.conn(text[1:strings.Index(text, " ")])
		c.z, c.r = nil, c.plain
	case strings.HasSuffix(text, " messages"):
		count, fresh := strings.CutSuffix(strings.TrimSuffix(text, " messages"), " new")
		n, _ := strconv.Atoi(count)
		for i := range n {
			tr.deliver(i + 1)
		}
		if !fresh && len(tr.conns) == 0 {
			tr.claim(n)
		}
	default:
		tr.t.Fatalf("%s: unknown directive", tr.where)
	}
}

// deliver puts a small message into INBOX; number n was received on day n.
func (tr *transcript) deliver(n int) {
	tr.t.Helper()
	text := fmt.Sprintf("From: Ann <ann%d@example.test>\r\nTo: bob@example.test\r\nSubject: message %d\r\n"+
		"Date: Thu, %d Jan 2026 12:00:00 +0100\r\nMessage-ID: <m%d@example.test>\r\n\r\nbody of %d\r\n", n, n, n, n, n)
	w := tr.b.spool.Begin(nil, 1<<20)
	if _, err := io.WriteString(w, text); err != nil {
		tr.t.Fatal(err)
	}
	m, err := w.Finish()
	if err != nil {
		tr.t.Fatal(err)
	}
	defer m.Discard()
	at := time.Date(2026, 2, n, 12, 0, 0, 0, time.UTC)
	_, err = tr.b.append(context.Background(), tr.account, storetest.Inbox(tr.t, tr.b.store, tr.account),
		[]imapd.AppendMessage{{Received: at, Message: m}})
	if err != nil {
		tr.t.Fatal(err)
	}
}

// claim makes the INBOX's first messages \Recent to nobody here.
func (tr *transcript) claim(last int) {
	tr.t.Helper()
	inbox := storetest.Inbox(tr.t, tr.b.store, tr.account)
	if _, err := tr.b.store.ClaimRecent(context.Background(), tr.account, inbox, mail.UID(last)); err != nil {
		tr.t.Fatal(err)
	}
}

func (tr *transcript) conn(who string) *client {
	tr.t.Helper()
	if c := tr.conns[who]; c != nil {
		return c
	}
	if !tr.started {
		tr.started = true
		_, tr.address = serve(tr.t, tr.config, false)
	}
	nc, err := net.Dial("tcp", tr.address)
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.t.Cleanup(func() { _ = nc.Close() })
	c := &client{Conn: nc, r: bufio.NewReader(nc)}
	tr.conns[who] = c
	if tr.login {
		tr.line(who)
		fmt.Fprintf(c, "login LOGIN %q %q\r\n", tr.user, password)
		if l := tr.line(who); !strings.HasPrefix(l, "login OK") {
			tr.t.Fatalf("%s: %s", tr.where, l)
		}
	}
	tr.seen[who] = nil
	return c
}

func (tr *transcript) send(line string) {
	tr.t.Helper()
	if !tr.sending {
		tr.seen, tr.sending = map[string][]string{}, true
	}
	who, text, ok := strings.Cut(line, ":")
	if !ok {
		tr.t.Fatalf("%s: not understood", tr.where)
	}
	end := "\r\n"
	if strings.HasSuffix(who, "-") {
		end = ""
	}
	text = tr.fill(strings.TrimPrefix(text, " ")) + end
	_, err := io.WriteString(tr.conn(strings.Trim(who, "C-")), text)
	if err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) { // it may have had enough
		tr.t.Fatalf("%s: %v", tr.where, err)
	}
}

var slot = regexp.MustCompile(`\{\{(.*?)\}\}`)

// fill replaces slots in what a client sends.
func (tr *transcript) fill(text string) string {
	return slot.ReplaceAllStringFunc(text, func(s string) string {
		s = s[2 : len(s)-2]
		switch {
		case strings.HasPrefix(s, "$"):
			return tr.vars[s[1:]]
		case strings.HasPrefix(s, "+"):
			m := tr.messages[s[1:]]
			return fmt.Sprintf("{%d+}\r\n%s", len(m), m)
		case strings.HasPrefix(s, "~"):
			m := tr.messages[s[1:]]
			return fmt.Sprintf("~{%d+}\r\n%s", len(m), m)
		case strings.HasPrefix(s, "size "):
			return strconv.Itoa(len(tr.messages[s[5:]]))
		case strings.HasPrefix(s, "*"):
			count, text, _ := strings.Cut(s[1:], " ")
			n, _ := strconv.Atoi(count)
			return strings.Repeat(text, n)
		case strings.HasPrefix(s, "\""):
			if raw, err := strconv.Unquote(s); err == nil {
				return raw
			}
		}
		tr.t.Fatalf("%s: unknown slot", tr.where)
		return ""
	})
}

// pattern compiles what a line must look like.
func (tr *transcript) pattern(text string) (*regexp.Regexp, []string) {
	tr.t.Helper()
	var re strings.Builder
	var names []string
	re.WriteString("^")
	rest := text
	for _, m := range slot.FindAllStringSubmatch(text, -1) {
		before, after, _ := strings.Cut(rest, m[0])
		re.WriteString(regexp.QuoteMeta(before))
		rest = after
		name, expr, named := strings.Cut(m[1], "=")
		switch {
		case strings.HasPrefix(m[1], "$"):
			re.WriteString(regexp.QuoteMeta(tr.vars[m[1][1:]]))
		case strings.HasPrefix(m[1], "size "):
			re.WriteString(strconv.Itoa(len(tr.messages[m[1][5:]])))
		case strings.HasPrefix(m[1], "text "):
			re.WriteString(regexp.QuoteMeta(strings.ReplaceAll(string(tr.messages[m[1][5:]]), "\r\n", `\n`)))
		case named && regexp.MustCompile(`^[a-z0-9]+$`).MatchString(name):
			names = append(names, name)
			re.WriteString("(" + expr + ")")
		default:
			re.WriteString("(?:" + m[1] + ")")
		}
	}
	re.WriteString(regexp.QuoteMeta(rest) + "$")
	c, err := regexp.Compile(re.String())
	if err != nil {
		tr.t.Fatalf("%s: %v", tr.where, err)
	}
	return c, names
}

func (tr *transcript) expect(who, text string) {
	tr.t.Helper()
	tr.sending = false
	re, names := tr.pattern(text)
	tr.conn(who)
	var passed []string
	for {
		line := tr.line(who)
		if m := re.FindStringSubmatch(line); m != nil {
			for i, n := range names {
				tr.vars[n] = m[i+1]
			}
			return
		}
		passed = append(passed, line)
		if text == "EOF" && line == "EOF" {
			return
		}
		if line == "EOF" || line == "TIMEOUT" {
			tr.t.Fatalf("%s\nmust come, but there was:\n  %s", tr.where, strings.Join(passed, "\n  "))
		}
	}
}

func (tr *transcript) mustNot(who, text string) {
	tr.t.Helper()
	re, _ := tr.pattern(text)
	for _, line := range tr.seen[who] {
		if re.MatchString(line) {
			tr.t.Fatalf("%s\nmust not come, but there was:\n  %s", tr.where, line)
		}
	}
}

var literalAtEnd = regexp.MustCompile(`\{(\d+)\}\r\n$`)

// line reads one response with its literals.
func (tr *transcript) line(who string) string {
	tr.t.Helper()
	c := tr.conns[who]
	_ = c.SetReadDeadline(time.Now().Add(8 * time.Second))
	var got []byte
	for {
		part, err := c.r.ReadBytes('\n')
		got = append(got, part...)
		if err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				return "TIMEOUT"
			}
			return "EOF"
		}
		m := literalAtEnd.FindSubmatch(got)
		if m == nil {
			break
		}
		n, _ := strconv.Atoi(string(m[1]))
		body := make([]byte, n)
		if _, err := io.ReadFull(c.r, body); err != nil {
			return "EOF"
		}
		got = append(got, body...)
	}
	line := string(bytes.ReplaceAll(bytes.TrimSuffix(got, []byte("\r\n")), []byte("\r\n"), []byte(`\n`)))
	tr.seen[who] = append(tr.seen[who], line)
	return line
}
