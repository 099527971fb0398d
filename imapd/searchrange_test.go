package imapd_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"postroom/imapd"
	"postroom/internal/mail"
)

// reader is a store that is never asked about many messages: each search
// reads the row of each.
type reader struct{ imapd.Store }

func (reader) MessagesBetween(context.Context, mail.AccountID, mail.MailboxID, mail.UIDSet, mail.RowValue, int64, int64) (mail.UIDSet, bool, error) {
	return nil, false, nil
}

// judging counts the answers that were taken, and what they held.
type judging struct {
	imapd.Store
	asked, answered int
	among, found    int64
}

func (j *judging) MessagesBetween(ctx context.Context, a mail.AccountID, m mail.MailboxID, uids mail.UIDSet, v mail.RowValue, above, below int64) (mail.UIDSet, bool, error) {
	set, ok, err := j.Store.MessagesBetween(ctx, a, m, uids, v, above, below)
	j.asked++
	if ok {
		j.answered++
		j.among += uids.Len()
		j.found += set.Len()
	}
	return set, ok, err
}

// What the store says of many messages at once is what is found by reading
// each, with dates at the borders of days in several zones, while another
// session expunges what these still show, also beyond the restore window.
func TestSearchByRangesFindsWhatReadingFinds(t *testing.T) {
	b := newBackend(t)
	acct := b.account(t, "ann@example.test")
	with := &judging{Store: b.store}
	now := time.Date(2026, 3, 2, 0, 0, 0, 500_000, time.UTC)
	at := func(st imapd.Store) string {
		c := b.config()
		c.Store, c.Now = st, func() time.Time { return now }
		_, addr := serve(t, c, false)
		return addr
	}
	addr, plainAddr := at(with), at(reader{b.store})
	judged, plain, other := dial(t, addr), dial(t, plainAddr), dial(t, addr)
	for _, c := range []*client{judged, plain, other} {
		_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
		c.login(t, "ann@example.test")
		c.ok(t, "SELECT INBOX")
	}
	rnd := rand.New(rand.NewPCG(3, 5))
	for round := range 3 {
		for range 90 {
			text := "Subject: hello\r\n\r\n" + strings.Repeat("x", rnd.IntN(40)) + "\r\n"
			other.ok(t, fmt.Sprintf("APPEND INBOX (%s) %q {%d+}\r\n%s", []string{"", `\Seen`, `\Flagged`}[rnd.IntN(3)], borderTime(rnd), len(text), text))
		}
		unsettle(t, b, acct)
		judged.ok(t, "NOOP")
		plain.ok(t, "NOOP")
		disturb(t, rnd, other)
		if round == 2 {
			loseExpunged(t, b, acct)
		}
		for range 80 {
			key := rangeKeys(rnd, 2)
			if got, want := judged.ok(t, "SEARCH "+key), plain.ok(t, "SEARCH "+key); got != want {
				t.Errorf("round %d, %q:\n asked   %s\n reading %s", round, key, got, want)
			}
		}
	}
	if with.answered < 100 || with.answered == with.asked || with.found < with.among/20 || with.found > with.among*19/20 {
		t.Errorf("asked %d times, answered %d, found %d of %d: this shows nothing", with.asked, with.answered, with.found, with.among)
	}
}

// borderTime is an INTERNALDATE near the border of a day, somewhere.
func borderTime(rnd *rand.Rand) string {
	zones := []string{"+0000", "+1400", "-1200", "+0530", "-0030"}
	times := []string{"00:00:00", "23:59:59", "00:00:01", "12:00:00", "00:30:00", "10:00:00"}
	return fmt.Sprintf("%02d-Mar-2026 %s %s", 1+rnd.IntN(4), times[rnd.IntN(len(times))], zones[rnd.IntN(len(zones))])
}

// unsettle moves times off whole seconds, and gives save dates of many days.
func unsettle(t *testing.T, b *backend, acct mail.AccountID) {
	t.Helper()
	err := b.store.ExecForTest(t.Context(), `UPDATE mailbox_messages SET saved_at = received_at + uid * interval '5 hours',
		received_at = received_at + (uid % 3 - 1) * interval '1 microsecond' WHERE account_id = $1`, acct)
	if err != nil {
		t.Fatal(err)
	}
}

// loseExpunged forgets half of what the restore window holds.
func loseExpunged(t *testing.T, b *backend, acct mail.AccountID) {
	t.Helper()
	if err := b.store.ExecForTest(t.Context(), `DELETE FROM expunged WHERE account_id = $1 AND uid % 2 = 0`, acct); err != nil {
		t.Fatal(err)
	}
}

// rangeKeys is a random program in which keys of the row stand among others.
func rangeKeys(rnd *rand.Rand, depth int) string {
	if depth > 0 {
		a, b := rangeKeys(rnd, depth-1), rangeKeys(rnd, depth-1)
		switch rnd.IntN(6) {
		case 0:
			return "OR " + a + " " + b
		case 1:
			return "(" + a + " " + b + ")"
		case 2:
			return "NOT " + a
		}
	}
	date := fmt.Sprintf(" %d-Mar-2026", 1+rnd.IntN(4))
	if rnd.IntN(10) == 0 {
		date = []string{" 1-Jan-0000", " 31-Dec-9999"}[rnd.IntN(2)]
	}
	seconds := fmt.Sprint(" ", 86400*(1+rnd.IntN(2))+rnd.IntN(3)-1)
	octets := fmt.Sprint(" ", 18+rnd.IntN(44))
	if rnd.IntN(10) == 0 {
		octets = []string{" 0", " 9223372036854775807"}[rnd.IntN(2)]
	}
	return []string{
		"SINCE" + date, "BEFORE" + date, "ON" + date, "SAVEDSINCE" + date, "SAVEDBEFORE" + date, "SAVEDON" + date,
		"OLDER" + seconds, "YOUNGER" + seconds, "OLDER 4294967295", "LARGER" + octets, "SMALLER" + octets,
		"SEEN", "UNFLAGGED", "UID 20:150", "1:90", "SUBJECT hell", "BODY xxxxxxxxxxxxxxx", "SENTSINCE 1-Jan-2026",
	}[rnd.IntN(18)]
}

// The keys are those of RFC 9051 §6.4.4 and RFC 5032 §3, said another way.
func TestRangesOfKeys(t *testing.T) {
	b := newBackend(t)
	acct := b.account(t, "ann@example.test")
	c := b.config()
	now := time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)
	c.Now = func() time.Time { return now }
	_, addr := serve(t, c, false)
	cl := dial(t, addr)
	cl.login(t, "ann@example.test")
	cl.ok(t, "SELECT INBOX")
	for _, date := range []string{"01-Mar-2026 23:59:59 +0000", "02-Mar-2026 00:00:00 +0000", "02-Mar-2026 23:59:59 +0000", "03-Mar-2026 00:00:00 +0000"} {
		cl.ok(t, fmt.Sprintf("APPEND INBOX %q {5+}\r\n\r\nx\r\n", date))
	}
	if err := b.store.ExecForTest(t.Context(), `UPDATE mailbox_messages SET saved_at = received_at, size = 10 + uid WHERE account_id = $1`, acct); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"BEFORE 2-Mar-2026": " 1", "ON 2-Mar-2026": " 2 3", "SINCE 2-Mar-2026": " 2 3 4",
		"SAVEDBEFORE 2-Mar-2026": " 1", "SAVEDON 2-Mar-2026": " 2 3", "SAVEDSINCE 2-Mar-2026": " 2 3 4",
		"OLDER 21600": " 1 2", "OLDER 21601": " 1", "YOUNGER 21600": " 2 3 4", "YOUNGER 21599": " 3 4",
		"LARGER 12": " 3 4", "SMALLER 12": " 1",
	} {
		if got := cl.ok(t, "SEARCH "+key); got != "* SEARCH"+want {
			t.Errorf("%s: %s, want%s", key, got, want)
		}
	}
}
