package imapd_test

import (
	"io"
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// A client that somebody else wrote, through a usual session.
func TestIMAPClient(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	_, addr := serve(t, b.config(), false)
	news := make(chan uint32, 10)
	open := func() *imapclient.Client {
		c, err := imapclient.DialInsecure(addr, &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
			Mailbox: func(d *imapclient.UnilateralDataMailbox) {
				if d.NumMessages != nil {
					news <- *d.NumMessages
				}
			},
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if err := c.Login("ann@example.test", password).Wait(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	c, other := open(), open()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.Select("INBOX", nil).Wait()
	must(err)
	_, err = other.Select("INBOX", nil).Wait()
	must(err)
	idle, err := other.Idle()
	must(err)

	text := "From: Ann <ann@example.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n\r\nhello\r\n"
	app := c.Append("INBOX", int64(len(text)), &imap.AppendOptions{Flags: []imap.Flag{imap.FlagSeen, "$Forwarded"}, Time: time.Unix(1700000000, 0)})
	_, err = io.WriteString(app, text)
	must(err)
	must(app.Close())
	data, err := app.Wait()
	must(err)
	select {
	case n := <-news:
		if n != 1 {
			t.Errorf("IDLE said %d messages", n)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("IDLE did not tell of the new message")
	}
	must(idle.Close())
	must(idle.Wait())

	msgs, err := c.Fetch(imap.UIDSetNum(data.UID), &imap.FetchOptions{Envelope: true, Flags: true, InternalDate: true, RFC822Size: true, UID: true, ModSeq: true,
		BodyStructure: &imap.FetchItemBodyStructure{Extended: true}, BodySection: []*imap.FetchItemBodySection{{Peek: true}}}).Collect()
	must(err)
	if len(msgs) != 1 {
		t.Fatalf("%d messages", len(msgs))
	}
	m := msgs[0]
	if m.Envelope.Subject != "Grüße" || m.RFC822Size != int64(len(text)) || m.InternalDate.Unix() != 1700000000 || m.ModSeq == 0 ||
		!slices.Contains(m.Flags, imap.FlagSeen) || !slices.Contains(m.Flags, imap.FlagForwarded) {
		t.Errorf("got %+v", m)
	}
	if got := m.FindBodySection(&imap.FetchItemBodySection{Peek: true}); string(got) != text {
		t.Errorf("body %q", got)
	}
	if m.BodyStructure.MediaType() != "text/plain" {
		t.Errorf("structure %v", m.BodyStructure)
	}
	found, err := c.UIDSearch(&imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "Subject", Value: "grüße"}}, Flag: []imap.Flag{imap.FlagSeen}},
		&imap.SearchOptions{ReturnAll: true, ReturnCount: true}).Wait()
	must(err)
	if found.Count != 1 || found.All == nil {
		t.Errorf("search %+v", found)
	}
	must(c.Create("Projects/Büro", nil).Wait())
	moved, err := c.Move(imap.UIDSetNum(data.UID), "Projects/Büro").Wait()
	must(err)
	if moved.DestUIDs == nil {
		t.Errorf("move %+v", moved)
	}
	status, err := c.Status("Projects/Büro", &imap.StatusOptions{NumMessages: true, Size: true, HighestModSeq: true}).Wait()
	must(err)
	if *status.NumMessages != 1 || *status.Size != int64(len(text)) || status.HighestModSeq == 0 {
		t.Errorf("status %+v", status)
	}
	boxes, err := c.List("", "%", &imap.ListOptions{ReturnStatus: &imap.StatusOptions{NumMessages: true}}).Collect()
	must(err)
	if len(boxes) != 7 {
		t.Errorf("%d mailboxes", len(boxes))
	}
	must(c.Logout().Wait())
}
