package delivery_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/internal/mail"
)

const letter = "From: alice@example.test\r\nSubject: hi\r\n\r\nHi.\r\n"

func ptr[T any](v T) *T { return &v }

func (h *house) limit(p mail.SendPolicy) {
	h.t.Helper()
	if err := h.store.SetAccountSendPolicy(h.t.Context(), "test", h.alice, p); err != nil {
		h.t.Fatal(err)
	}
}

// write is a submission of alice's.
func (h *house) write(to ...string) error {
	_, err := h.send(h.submission(), envelope("alice@example.test", to...), letter)
	return err
}

// refusedFor checks the code and what the sender, and the timeline, are told.
func (h *house) refusedFor(err error, code mail.Code, text string) {
	h.t.Helper()
	if !mail.Is(err, code) || !strings.Contains(mail.TextOf(err), text) {
		h.t.Errorf("got %v; want code %v and %q", err, code, text)
	}
	if n := h.count(`SELECT count(*) FROM delivery_events WHERE kind = 'refused' AND account_id = $1 AND strpos(text, $2) > 0`, h.alice, mail.TextOf(err)); n == 0 {
		h.t.Errorf("no timeline tells of %v", err)
	}
}

func TestRecipientsOfOneMessage(t *testing.T) {
	h := newHouse(t, nil)
	h.limit(mail.SendPolicy{RecipientsPerMessage: ptr(2)})
	if err := h.write("x@out.test", "bob@example.test"); err != nil {
		t.Fatal(err)
	}
	h.refusedFor(h.write("x@out.test", "bob@example.test", "y@out.test"), mail.CodeTooMany, "may have 2 recipients")
	// The same at DATA, for who comes without RCPT.
	_, err := h.Accept(t.Context(), h.submission(), envelope("alice@example.test", "x@out.test", "y@out.test", "z@out.test"), strings.NewReader(letter))
	h.refusedFor(err, mail.CodeTooMany, "may have 2 recipients")
	h.limit(mail.SendPolicy{RecipientsPerMessage: ptr(0)})
	if err := h.write("x@out.test", "bob@example.test", "y@out.test"); err != nil {
		t.Errorf("without a limit: %v", err)
	}
}

func TestLimitsOfHoursAndDays(t *testing.T) {
	for name, tc := range map[string]struct {
		policy mail.SendPolicy
		room   int // messages to two recipients each
		text   string
		over   string // how long later there is room again
	}{
		"messages an hour":     {mail.SendPolicy{MessagesPerHour: ptr(2)}, 2, "2 messages an hour", "1 hour"},
		"messages a day":       {mail.SendPolicy{MessagesPerDay: ptr(3)}, 3, "3 messages a day", "24 hours"},
		"recipients an hour":   {mail.SendPolicy{RecipientsPerHour: ptr(5)}, 2, "5 recipients an hour", "1 hour"},
		"recipients a day":     {mail.SendPolicy{RecipientsPerDay: ptr(5)}, 2, "5 recipients a day", "24 hours"},
		"new recipients a day": {mail.SendPolicy{NewRecipientsPerDay: ptr(5)}, 2, "5 new recipients a day", "24 hours"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			h.limit(tc.policy)
			for i := range tc.room {
				if err := h.write(fmt.Sprintf("%d@out.test", i), fmt.Sprintf("%d@other.test", i)); err != nil {
					t.Fatal(err)
				}
			}
			h.refusedFor(h.write("x@out.test", "y@out.test"), mail.CodeSendLimit, "limit of "+tc.text)
			if got := h.count(`SELECT count(*) FROM queue_messages`); got != tc.room {
				t.Errorf("%d messages queued", got)
			}
			h.exec(`UPDATE sent_hours SET hour = hour - $1::text::interval`, tc.over)
			if err := h.write("x@out.test", "y@out.test"); err != nil {
				t.Errorf("%s later: %v", tc.over, err)
			}
		})
	}
}

func TestKnownRecipientsAreNotNew(t *testing.T) {
	h := newHouse(t, nil)
	h.limit(mail.SendPolicy{NewRecipientsPerDay: ptr(2)})
	for range 3 {
		if err := h.write("x@out.test", "y@out.test"); err != nil {
			t.Fatal(err)
		}
	}
	h.refusedFor(h.write("z@out.test"), mail.CodeSendLimit, "new recipients a day")
}

func TestPacedMailIsReleasedEvenly(t *testing.T) {
	h := newHouse(t, nil)
	h.limit(mail.SendPolicy{RecipientsPerHour: ptr(6), Pacing: ptr(true)})
	for range 2 {
		if err := h.write("a@out.test", "b@out.test", "c@out.test"); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.dues(); !slices.Equal(got, []int{0, 0, 0, 0, 0, 0}) {
		t.Errorf("within the limit, due in minutes: %v", got)
	}
	for range 2 {
		if err := h.write("d@out.test", "e@out.test", "bob@example.test"); err != nil {
			t.Fatal(err)
		}
	}
	// Three recipients take half an hour; those that leave share it.
	if got := h.dues()[6:]; !slices.Equal(got, []int{15, 30, 45, 60}) {
		t.Errorf("over the limit, due in minutes: %v", got)
	}
	if got := len(h.filed(h.bob)); got != 2 {
		t.Errorf("%d messages filed here at once, want 2", got)
	}
	// Another process goes by what the store knows.
	other := newHouseOn(t, h.store)
	other.alice = h.alice
	if err := other.write("f@out.test"); err != nil {
		t.Fatal(err)
	}
	if got := h.dues()[10:]; !slices.Equal(got, []int{70}) {
		t.Errorf("of another process, due in minutes: %v", got)
	}
	// In the next hour there is room, but it does not overtake.
	h.exec(`UPDATE sent_hours SET hour = hour - interval '1 hour'`)
	if err := h.write("g@out.test"); err != nil {
		t.Fatal(err)
	}
	if got := h.dues()[11:]; !slices.Equal(got, []int{80}) {
		t.Errorf("in the next hour, due in minutes: %v", got)
	}
	h.limit(mail.SendPolicy{RecipientsPerDay: ptr(1), Pacing: ptr(true)})
	h.refusedFor(h.write("h@out.test"), mail.CodeSendLimit, "fills a day already")
	if why := h.count(`SELECT count(*) FROM queue_entries WHERE state = 'ready' AND last_text LIKE 'paced: %'`); why != 6 {
		t.Errorf("%d entries say that they are paced", why)
	}
}

// dues gives in how many minutes the queue entries are due, in their order.
func (h *house) dues() (out []int) {
	h.t.Helper()
	items, err := h.store.QueueList(h.t.Context(), mail.QueueFilter{})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, q := range items {
		out = append(out, int(time.Until(q.Entry.NextAttempt).Round(time.Minute)/time.Minute))
	}
	return out
}

func TestSuppressedRecipients(t *testing.T) {
	h := newHouse(t, nil)
	for _, a := range []string{"gone@out.test", "bob@example.test"} {
		x := mail.Suppression{Address: addr(a), Reason: "550 5.1.1 no such user", ExpiresAt: time.Now().Add(time.Hour)}
		if err := h.store.AddSuppression(t.Context(), "test", x); err != nil {
			t.Fatal(err)
		}
	}
	h.refusedFor(h.write("x@out.test", "Gone@out.test"), mail.CodeSuppressed, "550 5.1.1 no such user")
	_, err := h.Accept(t.Context(), h.submission(), envelope("alice@example.test", "gone@out.test"), strings.NewReader(letter))
	h.refusedFor(err, mail.CodeSuppressed, "gone@out.test")
	if err := h.write("x@out.test", "bob@example.test"); err != nil {
		t.Errorf("to one of our own, whom we know better: %v", err)
	}
	if _, err := h.send(mx(), envelope("gone@out.test", "bob@example.test"), letter); err != nil {
		t.Errorf("from outside: %v", err)
	}
	h.exec(`UPDATE suppressions SET expires_at = now()`)
	if err := h.write("gone@out.test"); err != nil {
		t.Errorf("after it expired: %v", err)
	}
}

func TestStolenAccountIsHeld(t *testing.T) {
	h := newHouse(t, nil)
	h.limit(mail.SendPolicy{SuspectPerHour: ptr(3)})
	// A newsletter: on an average day it writes to two people it did not know.
	h.exec(`INSERT INTO sent_hours (account_id, hour, new_recipients) SELECT $1, now() - d * interval '1 day', 2 FROM generate_series(2, 9) d`, h.alice)
	for i := range 10 {
		if err := h.write(fmt.Sprintf("%d@out.test", i)); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.held(); got != 0 {
		t.Fatalf("%d entries held within five times the norm", got)
	}
	for i := range 3 {
		if err := h.write(fmt.Sprintf("more%d@out.test", i), "bob@example.test"); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.held(); got != 13 {
		t.Errorf("%d entries held, want all that wait", got)
	}
	bobs := `SELECT count(*) FROM mailbox_messages x JOIN mailboxes m ON m.account_id = x.account_id AND m.id = x.mailbox_id
		WHERE x.account_id = $1 AND m.name = $2`
	if n := h.count(bobs, h.bob, "Junk"); n != 3 {
		t.Errorf("bob has %d in Junk, want those of the held account", n)
	}
	notices := h.filed(h.alice) // the oldest account gets postmaster's mail
	if len(notices) != 1 || !strings.Contains(notices[0].octets, "The account alice@example.test is held since now: held: 12 new recipients within an hour, on an average day 2;") ||
		!strings.HasPrefix(notices[0].prefix, "Return-Path: <>\r\n") {
		t.Errorf("postmaster got %q", notices)
	}
	if err := h.store.ResumeSending(t.Context(), "test", h.alice); err != nil {
		t.Fatal(err)
	}
	if err := h.write("after@out.test", "bob@example.test"); err != nil || h.held() != 13 || h.count(bobs, h.bob, "INBOX") != 1 {
		t.Errorf("resumed: %v, %d held, %d in INBOX", err, h.held(), h.count(bobs, h.bob, "INBOX"))
	}
}

func TestManyFailuresHoldAnAccount(t *testing.T) {
	h := newHouse(t, nil)
	h.limit(mail.SendPolicy{SuspectPerHour: ptr(3)})
	h.exec(`INSERT INTO sent_hours (account_id, hour, failures) VALUES ($1, date_trunc('hour', now() + current_setting('postroom.hour_shift')::interval, 'UTC'), 4)`, h.alice)
	if err := h.write("x@out.test"); err != nil {
		t.Fatal(err)
	}
	if got := h.held(); got != 1 {
		t.Errorf("%d entries held", got)
	}
	if n := h.count(`SELECT count(*) FROM queue_entries WHERE last_text LIKE 'held: 4 recipients that failed %'`); n != 1 {
		t.Error("the queue does not say why")
	}
}

func (h *house) held() int {
	h.t.Helper()
	return h.count(`SELECT count(*) FROM queue_entries WHERE state = 'held'`)
}
