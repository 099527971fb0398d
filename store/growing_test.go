package store_test

import (
	"sync"
	"testing"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

// arrivals notes the UIDs that writers of one mailbox were told.
type arrivals struct {
	mu   sync.Mutex
	seen map[mail.UID]string
	top  mail.UID
}

func (a *arrivals) highest() mail.UID {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.top
}

// told adds UIDs that a call gave which began when the highest was before.
func (a *arrivals) told(t *testing.T, who string, before mail.UID, uids mail.UIDSet) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range uids {
		for u := r.Lo; u <= r.Hi; u++ {
			if other := a.seen[u]; other != "" || u <= before {
				t.Errorf("%s was told UID %d, which %q has; %d was told before it began", who, u, other, before)
			}
			a.seen[u] = who
			a.top = max(a.top, u)
		}
	}
}

// Deliveries, APPEND, COPY and MOVE into one mailbox at the same time: every
// UID is one message's, and who reads the mailbox finds new messages above all
// that it has read, by UID and by modseq.
func TestUIDsGrowInCommitOrder(t *testing.T) {
	const rounds = 40
	b := newBox(t)
	work, old := b.mailbox("Work"), b.mailbox("Old")
	b.fill(work, rounds)
	b.fill(old, 2*rounds)
	a := arrivals{seen: map[mail.UID]string{}}
	var writers sync.WaitGroup
	repeat := func(who string, write func(i mail.UID) (mail.UIDSet, error)) {
		writers.Go(func() {
			for i := mail.UID(1); i <= rounds; i++ {
				before := a.highest()
				uids, err := write(i)
				if err != nil || len(uids) == 0 {
					t.Errorf("%s: %v, %v", who, uids, err)
				}
				a.told(t, who, before, uids)
			}
		})
	}
	for range 3 {
		repeat("delivery", func(mail.UID) (mail.UIDSet, error) {
			got, err := b.s.Deliver(t.Context(), storetest.Delivery(body(50), b.acct))
			if err != nil {
				return nil, err
			}
			return one(got.Filed[0].UID), nil
		})
	}
	repeat("APPEND", func(mail.UID) (set mail.UIDSet, err error) {
		got, err := b.s.Append(t.Context(), b.acct, b.inbox, []store.AppendMessage{appended(body(20), 0), appended(body(30), 0)})
		for _, u := range got.UIDs {
			set.Append(u)
		}
		return set, err
	})
	repeat("COPY", func(mail.UID) (mail.UIDSet, error) {
		got, err := b.s.Copy(t.Context(), b.acct, work, mail.UIDSet{{Lo: 1, Hi: 3}}, b.inbox)
		return got.Dst, err
	})
	repeat("MOVE", func(i mail.UID) (mail.UIDSet, error) {
		got, err := b.s.Move(t.Context(), b.acct, old, mail.UIDSet{{Lo: 2*i - 1, Hi: 2 * i}}, b.inbox)
		return got.Dst, err
	})
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	b.readsGrow(done)
	if rows, st := b.load(b.inbox); len(rows) != len(a.seen) || len(rows) != rounds*(3+2+3+2) || st.UIDNext != a.highest()+1 {
		t.Errorf("%d messages, %d UIDs told, UIDNEXT %d after %d", len(rows), len(a.seen), st.UIDNext, a.highest())
	}
	b.check()
}

// readsGrow reads INBOX again and again until done: no message appears at or
// below a UID or modseq that was read before.
func (b *box) readsGrow(done <-chan struct{}) {
	b.t.Helper()
	var n, uid, modseq int64
	for last := false; !last; {
		select {
		case <-done:
			last = true
		default:
		}
		var now, below, nextUID, nextSeq int64
		err := b.s.QueryForTest(b.t.Context(), []any{&now, &below, &nextUID, &nextSeq},
			`SELECT count(*), count(*) FILTER (WHERE uid <= $3 OR modseq <= $4), coalesce(max(uid), 0), coalesce(max(modseq), 0)
			FROM mailbox_messages WHERE account_id = $1 AND mailbox_id = $2`, int64(b.acct), int64(b.inbox), uid, modseq)
		if err != nil {
			b.t.Error(err)
			return
		}
		if below != n || nextUID < uid || nextSeq < modseq {
			b.t.Errorf("%d messages up to UID %d and modseq %d became %d", n, uid, modseq, below)
		}
		n, uid, modseq = now, nextUID, nextSeq
	}
}
