package imapd_test

import (
	"context"
	"net"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"postroom/imapd"
	"postroom/internal/mail"
	"postroom/store/storetest"
)

// longMailbox is the size of the mailbox of long commands.
const longMailbox = 100_000

// fillSQL puts n messages into INBOX in one statement.
func (b *backend) fillSQL(t testing.TB, account mail.AccountID, n int) {
	t.Helper()
	first := b.store.NewID()
	for range n { // the ids after first are ours
		b.store.NewID()
	}
	err := b.store.ExecForTest(t.Context(), `WITH st AS (
			SELECT *, uidnext AS first, highestmodseq + 1 AS modseq FROM mailbox_counters WHERE account_id = $1 AND mailbox_id = $2
		), g AS (
			INSERT INTO messages (account_id, id, blob_id, prefix, size, header_size, fields, envelope, bodystructure, parts,
				preview, thread_id, message_id, sent_at, trace_id)
			SELECT $1, $4::bigint + i, $4::bigint + i, '', 100, 50,
				convert_to('From: Person ' || i % 5000 || ' <p' || i || E'@example.test>\r\nSubject: Re: matter ' || i % 9000 || E'\r\n', 'UTF8'),
				convert_to('("Thu, 1 Jan 2026 12:00:00 +0100" "Re: matter ' || i % 9000 || '" (("Person" NIL "p' || i || '" "example.test")) NIL NIL NIL NIL NIL NIL "<' || i || '@x>")', 'UTF8'),
				convert_to('("TEXT" "PLAIN" NIL NIL NIL "7BIT" 50 1)', 'UTF8'),
				'\x01', '', $4::bigint + i, '<' || i || '@x>', now() + i * interval '1 second', 0 FROM generate_series(1, $3::int) i
		), r AS (
			INSERT INTO blob_refs (blob_id, account_id, holder) SELECT $4::bigint + i, $1, $4::bigint + i FROM generate_series(1, $3::int) i
		), m AS (
			INSERT INTO mailbox_messages (account_id, mailbox_id, uid, message_id, modseq, flags, received_at, saved_at, size)
			SELECT $1, $2, st.first + i - 1, $4::bigint + i, st.modseq, 0, '2024-05-06 07:08:09+00', now(), 100
			FROM st, generate_series(1, $3::int) i
		)
		INSERT INTO mailbox_changes (account_id, mailbox_id, modseq, kind, uids, uidnext, messages, unseen, deleted, bytes, deleted_bytes)
		SELECT $1, $2, modseq, 'a', int8multirange(int8range(first, first + $3)), first + $3, messages + $3, unseen + $3, deleted,
			bytes + 100 * $3::bigint, deleted_bytes FROM st`, int64(account), int64(storetest.Inbox(t, b.store, account)), int64(n), first)
	if err != nil {
		t.Fatal(err)
	}
}

// peak runs f and gives by how much the live heap grew meanwhile, at most.
func peak(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	read := func() uint64 { metrics.Read(live); return live[0].Value.Uint64() }
	runtime.GC()
	before, most := read(), uint64(0)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				most = max(most, read())
			}
		}
	}()
	f()
	close(stop)
	<-done
	return max(most, before) - before
}

// TestHeavyCommands runs what takes long on a mailbox of 100,000 messages.
func TestHeavyCommands(t *testing.T) {
	b := newBackend(t)
	b.fillSQL(t, b.account(t, "ann@example.test"), longMailbox)
	_, addr := serve(t, b.config(), false)
	open := func(t *testing.T) *client {
		c := dial(t, addr)
		_ = c.SetDeadline(time.Now().Add(3 * time.Minute))
		c.login(t, "ann@example.test")
		c.do(t, "ENABLE CONDSTORE")
		c.do(t, "SELECT INBOX")
		return c
	}
	t.Run("a slow client holds nothing", func(t *testing.T) { slowClient(t, open) })
	t.Run("memory", func(t *testing.T) { flatMemory(t, open(t)) })
}

// slowClient stops reading in the middle of answers that no socket buffer
// holds; another session changes the same messages meanwhile.
func slowClient(t *testing.T, open func(*testing.T) *client) {
	for _, command := range []string{
		"FETCH 1:* (ENVELOPE BODYSTRUCTURE)", `UID STORE 1:* +FLAGS ($Seen $Again $AndAgain)`,
	} {
		slow, other := open(t), open(t)
		_ = slow.Conn.(*net.TCPConn).SetReadBuffer(128 << 10)
		slow.write(t, "s "+command+"\r\n")
		slow.line(t)
		other.do(t, `STORE 1:100 +FLAGS (\Flagged)`)
		other.do(t, "APPEND INBOX {4+}\r\na: b")
		other.do(t, "UID STORE 100000 +FLAGS (\\Deleted)")
		other.do(t, "STORE 1:100 -FLAGS (\\Flagged)")
		other.do(t, "UID STORE 100000 -FLAGS (\\Deleted)")
		lines := 1 + len(slow.until(t, "s "))
		if lines < longMailbox {
			t.Errorf("%s: %d lines", command, lines)
		}
	}
}

// flatMemory bounds what a command adds to the live heap: nothing that grows
// with what it answers, and little for each message.
func flatMemory(t *testing.T, c *client) {
	c.do(t, "UID FETCH 1:* (FLAGS)") // builds the view
	for _, long := range []struct {
		command string
		most    uint64 // KiB
	}{
		{"FETCH 1:* (ENVELOPE BODYSTRUCTURE)", 4 << 10},
		{"SEARCH SUBJECT 8999", 8 << 10},
		{"SORT (SUBJECT FROM) UTF-8 ALL", 20 << 10},
		{"THREAD REFERENCES UTF-8 ALL", 24 << 10},
		{`UID STORE 1:* +FLAGS (\Deleted)`, 28 << 10},
		{"COPY 1:* Archive", 8 << 10},
		{"MOVE 1:50000 Trash", 16 << 10},
		{"EXPUNGE", 16 << 10},
	} {
		begun := time.Now()
		grew := peak(func() { c.do(t, long.command) }) >> 10
		t.Logf("%-40s %6d KiB, %v", long.command, grew, time.Since(begun).Round(time.Millisecond))
		if grew > long.most {
			t.Errorf("%s: the heap grew by %d KiB", long.command, grew)
		}
	}
}

// A change that waits in the store tells its client of its progress; so does
// one that the store is done with in part.
func TestProgressOfChanges(t *testing.T) {
	b := newBackend(t)
	for _, test := range []struct{ command, told string }{
		{"COPY 1:5 Archive", `* OK [INPROGRESS ("x" 0 5)] still at it`},
		{"MOVE 1:5 Archive", `* OK [INPROGRESS ("x" 3 5)] still at it`},
		{"EXPUNGE", `* OK [INPROGRESS ("x" 3 5)] still at it`},
		{`STORE 1:5 +FLAGS (\Flagged)`, `* OK [INPROGRESS ("x" 0 5)] still at it`},
	} {
		t.Run(test.command, func(t *testing.T) {
			user := strings.ToLower(test.command[:4]) + "@example.test"
			b.fillSQL(t, b.account(t, user), 5)
			held := &heldStore{Store: b.store, release: make(chan struct{})}
			c := b.config()
			c.Store, c.ProgressTime = held, time.Millisecond
			_, addr := serve(t, c, false)
			cl := dial(t, addr)
			cl.login(t, user)
			cl.do(t, "SELECT INBOX")
			if test.command == "EXPUNGE" {
				close(held.release)
				cl.do(t, `STORE 1:* +FLAGS (\Deleted)`)
				held.release = make(chan struct{})
			}
			cl.write(t, "x "+test.command+"\r\n")
			cl.until(t, test.told)
			close(held.release)
			lines := cl.until(t, "x ")
			if last := lines[len(lines)-1]; !strings.HasPrefix(last, "x OK") || strings.Contains(last, "INPROGRESS") {
				t.Error(last)
			}
		})
	}
}

// heldStore begins a change, and goes on when it is let go.
type heldStore struct {
	imapd.Store
	release chan struct{}
}

func (h *heldStore) Copy(ctx context.Context, a mail.AccountID, src mail.MailboxID, uids mail.UIDSet, dst mail.MailboxID) (mail.CopyResult, error) {
	<-h.release
	return h.Store.Copy(ctx, a, src, uids, dst)
}

func (h *heldStore) StoreFlags(ctx context.Context, args mail.StoreArgs) (mail.StoreResult, error) {
	<-h.release
	return h.Store.StoreFlags(ctx, args)
}

func (h *heldStore) Move(ctx context.Context, a mail.AccountID, src mail.MailboxID, uids mail.UIDSet, dst mail.MailboxID) (mail.CopyResult, error) {
	mail.Progress(ctx, 3)
	<-h.release
	return h.Store.Move(ctx, a, src, uids, dst)
}

func (h *heldStore) Expunge(ctx context.Context, a mail.AccountID, m mail.MailboxID, uids *mail.UIDSet) (mail.ExpungeResult, error) {
	mail.Progress(ctx, 3)
	<-h.release
	return h.Store.Expunge(ctx, a, m, uids)
}

// A defect in the store ends the session that met it, not the server.
func TestStorePanics(t *testing.T) {
	b := newBackend(t)
	b.fillSQL(t, b.account(t, "ann@example.test"), 5)
	c := b.config()
	c.Store = panicking{b.store}
	_, addr := serve(t, c, false)
	for _, command := range []string{"COPY 1:5 Archive", "FETCH 1 ENVELOPE"} {
		cl := dial(t, addr)
		cl.login(t, "ann@example.test")
		cl.do(t, "SELECT INBOX")
		cl.write(t, "x "+command+"\r\n")
		if rest := cl.end(t); strings.Contains(rest, "x OK") {
			t.Error(rest)
		}
	}
	dial(t, addr).login(t, "ann@example.test")
}

type panicking struct{ imapd.Store }

func (panicking) Copy(context.Context, mail.AccountID, mail.MailboxID, mail.UIDSet, mail.MailboxID) (mail.CopyResult, error) {
	panic("a defect")
}

func (panicking) FetchMessages(context.Context, mail.AccountID, mail.MailboxID, mail.UIDSet, mail.Columns, func(*mail.MessageRow) error) error {
	panic("another")
}
