package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"postroom/e2e/client"
)

// watcher reads mailboxes by IMAP and tells the ledger what it saw.
type watcher struct {
	c       *client.IMAP
	account string
	next    int // UID to begin from
}

// watch opens one connection per account.
func watch(r *rig, accounts []string) ([]*watcher, error) {
	var out []*watcher
	for _, a := range accounts {
		c, err := r.login(a)
		if err != nil {
			return nil, err
		}
		_, next, err := c.Select("INBOX")
		if err != nil {
			return nil, err
		}
		out = append(out, &watcher{c: c, account: a, next: next})
	}
	return out, nil
}

// poll fetches what is new and checks each hash.
func (w *watcher) poll(l *ledger) (int, error) {
	msgs, err := w.c.Fetch(fmt.Sprintf("%d:*", w.next))
	if err != nil {
		return 0, err
	}
	n := 0
	for _, m := range msgs {
		if int(m.UID) < w.next {
			continue // "n:*" gives the last message even when it is below n
		}
		w.next = int(m.UID) + 1
		i := bytes.Index(m.Body, []byte(marker))
		if i < 0 {
			return n, fmt.Errorf("a message without %q in %s", marker, w.account)
		}
		l.see(sha256.Sum256(m.Body[i:]))
		n++
	}
	return n, nil
}

// pollEvery is how often a mailbox is looked at: more often would measure the
// looking.
const pollEvery = 500 * time.Millisecond

// verify polls round and round until done is closed and everything that was
// sent has been seen, or nothing new comes for ten seconds.
func verify(ctx context.Context, ws []*watcher, done <-chan struct{}, l *ledger) error {
	last := time.Now()
	for ctx.Err() == nil {
		began := time.Now()
		news := 0
		for _, w := range ws {
			n, err := w.poll(l)
			if err != nil {
				return err
			}
			news += n
		}
		if news > 0 {
			last = time.Now()
		}
		select {
		case <-done:
			if l.missing() == 0 {
				return nil
			}
			if time.Since(last) > 10*time.Second {
				return fmt.Errorf("%d messages got 250 and never appeared", l.missing())
			}
		default:
		}
		time.Sleep(time.Until(began.Add(pollEvery)))
	}
	return ctx.Err()
}
