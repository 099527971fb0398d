package store_test

import (
	"testing"
	"time"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

// deadline is for what must happen; reaching it fails the test.
const deadline = 20 * time.Second

func wakes(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(deadline):
		t.Fatalf("not woken by %s", what)
	}
}

// listening is a hook and a channel closed when the node hears the others.
func listening() (func(*store.Config), <-chan struct{}) {
	ready := make(chan struct{})
	return func(c *store.Config) {
		c.Hook = func(point string) {
			if point == "listen:ready" {
				close(ready)
			}
		}
	}, ready
}

func TestWatchesWakeOnEveryNode(t *testing.T) {
	url := storetest.Database(t)
	here := storetest.Open(t, url)
	hears, ready := listening()
	there := storetest.Open(t, url, hears)
	wakes(t, "the listener's start", ready)
	a := storetest.Account(t, here, "alice@example.test")
	b := storetest.Account(t, here, "bob@example.test")
	inbox := storetest.Inbox(t, here, a)
	near, far := here.Watch(a, inbox), there.Watch(a, inbox)
	other := there.Watch(b, storetest.Inbox(t, here, b))
	d := storetest.Delivery(body(100), a)
	d.Relay = []mail.Recipient{{Address: mail.Address{Local: "x", Domain: "remote.test"}}}
	if _, err := here.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	wakes(t, "a delivery on this node", near.C)
	wakes(t, "a delivery on another node", far.C)
	wakes(t, "a queue entry on this node", here.QueueWake())
	wakes(t, "a queue entry on another node", there.QueueWake())
	select {
	case <-other.C:
		t.Error("a watch of another mailbox woke")
	default:
	}
	far.Close()
	near.Close()
}

func TestOneWatchOfSeveralMailboxes(t *testing.T) {
	s := storetest.New(t)
	a := storetest.Account(t, s, "alice@example.test")
	work, err := s.CreateMailbox(t.Context(), a, "Work", "")
	if err != nil {
		t.Fatal(err)
	}
	w := s.WatchMailboxes([]mail.Mailbox{work, {Account: a, ID: storetest.Inbox(t, s, a)}})
	if _, err := s.Deliver(t.Context(), storetest.Delivery(body(100), a)); err != nil {
		t.Fatal(err)
	}
	wakes(t, "a delivery into the second", w.C)
	if err := s.DeleteMailbox(t.Context(), a, "Work"); err != nil {
		t.Fatal(err)
	}
	wakes(t, "the end of the first", w.C)
	w.Close()
	if _, err := s.Deliver(t.Context(), storetest.Delivery(body(100), a)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-w.C:
		t.Error("a watch that was closed woke")
	default:
	}
}

func TestPollHealsWhatNobodyTold(t *testing.T) {
	s := storetest.New(t, func(c *store.Config) { c.PollEvery = 20 * time.Millisecond })
	a := storetest.Account(t, s, "alice@example.test")
	inbox := storetest.Inbox(t, s, a)
	box, account := s.Watch(a, inbox), s.WatchAccount(a)
	wakes(t, "the first comparison", box.C)
	wakes(t, "the first comparison", account.C)
	exec(t, s, "UPDATE mailbox_changes SET modseq = modseq + 1 WHERE mailbox_id = $1", inbox)
	wakes(t, "the poll", box.C)
	exec(t, s, "UPDATE accounts SET change_seq = change_seq + 1")
	wakes(t, "the poll", account.C)
	exec(t, s, "DELETE FROM mailbox_changes WHERE mailbox_id = $1", inbox)
	wakes(t, "the mailbox's end", box.C)
}

func TestListenerComesBack(t *testing.T) {
	ready := make(chan struct{}, 2)
	s := storetest.New(t, func(c *store.Config) {
		c.Hook = func(point string) {
			if point == "listen:ready" {
				ready <- struct{}{}
			}
		}
	})
	a := storetest.Account(t, s, "alice@example.test")
	w := s.WatchAccount(a)
	wakes(t, "the listener's start", ready)
	exec(t, s, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`)
	exec(t, s, "UPDATE accounts SET change_seq = change_seq + 1")
	wakes(t, "the listener's return", ready)
	wakes(t, "what was said meanwhile", w.C)
}
