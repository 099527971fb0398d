package store_test

import (
	"sync"
	"testing"

	"postroom/internal/mail"
)

func TestCopyKeepsFlagsAndDate(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 4)
	to := b.mailbox("Work")
	b.fill(to, 1)
	b.store(mail.StoreArgs{UIDs: one(2), Mode: mail.StoreSet, Flags: mail.FlagSeen | mail.FlagDeleted, Keywords: []string{"x"}})
	r, err := b.s.Copy(t.Context(), b.acct, b.inbox, mail.UIDSet{{Lo: 2, Hi: 3}, {Lo: 50, Hi: 4294967295}}, to)
	if err != nil || r.Src.String() != "2:3" || r.Dst.String() != "2:3" || r.UIDValidity == 0 {
		t.Fatalf("got %+v, %v", r, err)
	}
	rows, _ := b.load(to)
	if m := rows[1]; m.Flags != mail.FlagSeen|mail.FlagDeleted || len(m.Keywords) != 1 {
		t.Errorf("copy has %+v", m)
	}
	err = b.s.FetchMessages(t.Context(), b.acct, to, one(2), 0, func(m *mail.MessageRow) error {
		if m.Received.Year() != 2024 || m.Saved.Year() == 2024 {
			t.Errorf("received %v saved %v", m.Received, m.Saved)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if r, err = b.s.Copy(t.Context(), b.acct, b.inbox, one(1), b.inbox); err != nil || r.Dst.String() != "5" {
		t.Errorf("copy within a mailbox: %+v, %v", r, err)
	}
	if r, err = b.s.Copy(t.Context(), b.acct, b.inbox, one(99), to); err != nil || len(r.Src) != 0 {
		t.Errorf("copy of nothing: %+v, %v", r, err)
	}
	_, err = b.s.Copy(t.Context(), b.acct, b.inbox, all, 12345)
	b.code(err, mail.CodeNotFound)
	b.check()
}

func TestCopyOverQuotaCopiesNothing(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 10)
	to := b.mailbox("Work")
	b.exec(`UPDATE accounts SET quota_bytes = 1700 WHERE id = $1`, int64(b.acct))
	_, err := b.s.Copy(t.Context(), b.acct, b.inbox, all, to)
	b.code(err, mail.CodeOverQuota)
	if got := b.uids(to); got != "" {
		t.Errorf("copied %s", got)
	}
	if _, err := b.s.Copy(t.Context(), b.acct, b.inbox, mail.UIDSet{{Lo: 1, Hi: 5}}, to); err != nil {
		t.Error(err)
	}
	b.check()
}

func TestTwoSessionsMoveEachMessageOnce(t *testing.T) {
	b := newBox(t)
	const n = 300
	b.fill(b.inbox, n)
	to := []mail.MailboxID{b.mailbox("A"), b.mailbox("B")}
	var moved [2]int64
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			for lo := mail.UID(1); lo <= n; lo += 10 {
				r, err := b.s.Move(t.Context(), b.acct, b.inbox, mail.UIDSet{{Lo: lo, Hi: lo + 19}}, to[i])
				if err != nil {
					t.Error(err)
				}
				if r.Src.Len() != r.Dst.Len() {
					t.Errorf("COPYUID of %v to %v", r.Src, r.Dst)
				}
				moved[i] += r.Src.Len()
			}
		})
	}
	wg.Wait()
	a, _ := b.load(to[0])
	c, _ := b.load(to[1])
	if moved[0]+moved[1] != n || len(a) != int(moved[0]) || len(c) != int(moved[1]) {
		t.Errorf("moved %v, found %d and %d", moved, len(a), len(c))
	}
	b.check()
}

func TestMovesCrosswiseDoNotDeadlock(t *testing.T) {
	b := newBox(t)
	to := b.mailbox("Other")
	b.fill(b.inbox, 50)
	b.fill(to, 50)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 25 {
				src, dst := b.inbox, to
				if i%2 == 1 {
					src, dst = dst, src
				}
				if _, err := b.s.Move(t.Context(), b.acct, src, all, dst); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	x, _ := b.load(b.inbox)
	y, _ := b.load(to)
	if len(x)+len(y) != 100 {
		t.Errorf("%d and %d messages", len(x), len(y))
	}
	b.check()
}

func TestMoveWithinMailboxGivesNewUIDs(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 2500)
	b.store(mail.StoreArgs{UIDs: one(7), Mode: mail.StoreAdd, Flags: mail.FlagDeleted})
	r, err := b.s.Move(t.Context(), b.acct, b.inbox, all, b.inbox)
	if err != nil || r.Src.String() != "1:2500" || r.Dst.String() != "2501:5000" {
		t.Fatalf("got %+v, %v", r, err)
	}
	if got := b.uids(b.inbox); got != "2501:5000" {
		t.Error(got)
	}
	b.check()
}

func TestMoveToNowhereMovesNothing(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 3)
	_, err := b.s.Move(t.Context(), b.acct, b.inbox, all, 12345)
	b.code(err, mail.CodeNotFound)
	if got := b.uids(b.inbox); got != "1:3" {
		t.Error(got)
	}
	b.check()
}

func TestExpunge(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 5000)
	b.store(mail.StoreArgs{UIDs: mail.UIDSet{{Lo: 10, Hi: 4500}}, Mode: mail.StoreAdd, Flags: mail.FlagDeleted})
	some := mail.UIDSet{{Lo: 1, Hi: 12}, {Lo: 20, Hi: 20}}
	r, err := b.s.Expunge(t.Context(), b.acct, b.inbox, &some)
	if err != nil || r.UIDs.String() != "10:12,20" {
		t.Fatalf("got %+v, %v", r, err)
	}
	r, err = b.s.Expunge(t.Context(), b.acct, b.inbox, nil)
	if err != nil || r.UIDs.Len() != 4487 {
		t.Fatalf("got %+v, %v", r, err)
	}
	if got := b.uids(b.inbox); got != "1:9,4501:5000" {
		t.Error(got)
	}
	if r, err = b.s.Expunge(t.Context(), b.acct, b.inbox, nil); err != nil || r.ModSeq != 0 {
		t.Errorf("nothing to expunge gives %+v, %v", r, err)
	}
	_, err = b.s.Expunge(t.Context(), b.acct, 777, nil)
	b.code(err, mail.CodeNotFound)
	q, err := b.s.Quota(t.Context(), b.acct)
	if err != nil || q.Messages != 509 || q.UsedBytes == 0 {
		t.Errorf("quota %+v, %v", q, err)
	}
	b.check()
}
