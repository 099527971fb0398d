package imapd_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postroom/imapd"
	"postroom/internal/mail"
)

// countingStore counts the statements of reading.
type countingStore struct {
	imapd.Store
	reads atomic.Int64
}

func (c *countingStore) FetchMessages(ctx context.Context, a mail.AccountID, m mail.MailboxID, u mail.UIDSet, cols mail.Columns, fn func(*mail.MessageRow) error) error {
	c.reads.Add(1)
	return c.Store.FetchMessages(ctx, a, m, u, cols, fn)
}

func (c *countingStore) MailboxByName(ctx context.Context, a mail.AccountID, name string) (mail.Mailbox, mail.MailboxState, error) {
	c.reads.Add(1)
	return c.Store.MailboxByName(ctx, a, name)
}

func (c *countingStore) MailboxesByName(ctx context.Context, a mail.AccountID, names []string) (map[string]mail.MailboxStatus, error) {
	c.reads.Add(1)
	return c.Store.MailboxesByName(ctx, a, names)
}

// pipelines are a hundred commands sent at once, as mail programs do.
func pipelines() map[string]string {
	var fetch, status strings.Builder
	for i := range 100 {
		fmt.Fprintf(&fetch, "f%d UID FETCH %d (BODY.PEEK[])\r\n", i+1, i+1)
		fmt.Fprintf(&status, "f%d STATUS %s (MESSAGES UIDNEXT UNSEEN)\r\n", i+1, []string{"INBOX", "Archive", "Sent", "Trash"}[i%4])
	}
	return map[string]string{"FETCH": fetch.String(), "STATUS": status.String()}
}

func TestPipelinesAreReadForTogether(t *testing.T) {
	b := newBackend(t)
	_, cl, st := pipelined(t, b)
	for name, text := range pipelines() {
		before := st.reads.Load()
		cl.write(t, text)
		lines := cl.until(t, "f100 OK")
		if n := strings.Count(strings.Join(lines, "\n"), " OK "); n != 100 {
			t.Errorf("%s: %d done", name, n)
		}
		if n := st.reads.Load() - before; n > 50 {
			t.Errorf("%s: 100 commands took %d statements", name, n)
		}
	}
}

// BenchmarkPipeline runs a hundred commands of a pipeline.
func BenchmarkPipeline(b *testing.B) {
	back := newBackend(b)
	_, cl, st := pipelined(b, back)
	_ = cl.SetDeadline(time.Time{})
	for name, text := range pipelines() {
		b.Run(name, func(b *testing.B) {
			before := st.reads.Load()
			for b.Loop() {
				cl.write(b, text)
				cl.until(b, "f100 OK")
			}
			b.ReportMetric(float64(st.reads.Load()-before)/float64(b.N), "statements/op")
		})
	}
}

// pipelined gives a client whose INBOX has a hundred messages of 4 KiB.
func pipelined(t testing.TB, b *backend) (mail.AccountID, *client, *countingStore) {
	t.Helper()
	account := b.account(t, "ann@example.test")
	st := &countingStore{Store: b.store}
	c := b.config()
	c.Store = st
	_, addr := serve(t, c, false)
	cl := dial(t, addr)
	cl.login(t, "ann@example.test")
	text := "Subject: hi\r\n\r\n" + strings.Repeat("what a line of text, seventy octets or so of it\r\n", 85)
	for i := range 100 {
		cl.write(t, fmt.Sprintf("a%d APPEND INBOX {%d+}\r\n%s\r\n", i, len(text), text))
		cl.until(t, fmt.Sprintf("a%d OK", i))
	}
	cl.do(t, "SELECT INBOX")
	return account, cl, st
}
