package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

func ptr[T any](v T) *T { return &v }

// submitted is a message of an account to outside recipients, counted.
func submitted(t testing.TB, acct mail.AccountID, l mail.SendLimits, to ...string) *mail.Delivery {
	t.Helper()
	var as []mail.Address
	for _, r := range to {
		as = append(as, addr(t, r))
	}
	d := delivery(addr(t, "alice@example.test"), as...)
	d.Outbound.Account = acct
	d.Sending = &mail.Sending{Account: acct, Recipients: as, Limits: l}
	return d
}

func sendState(t testing.TB, s *store.Store, id mail.AccountID, to ...string) mail.SendState {
	t.Helper()
	var as []mail.Address
	for _, r := range to {
		as = append(as, addr(t, r))
	}
	st, err := s.SendState(t.Context(), id, as)
	must(t, err)
	return st
}

func TestLimitsOfAccountGoBeforeThoseOfItsDomain(t *testing.T) {
	s := storetest.New(t)
	alice := storetest.Account(t, s, "alice@example.test")
	bob := storetest.Account(t, s, "bob@example.test")
	if got := sendState(t, s, alice).Limits; got != mail.DefaultSendLimits {
		t.Errorf("without rows %+v", got)
	}
	must(t, s.SetDomainSendPolicy(t.Context(), "test", "example.test", mail.SendPolicy{MessagesPerDay: ptr(50), RecipientsPerMessage: ptr(7), Pacing: ptr(true)}))
	must(t, s.SetAccountSendPolicy(t.Context(), "test", alice, mail.SendPolicy{MessagesPerDay: ptr(0), Pacing: ptr(false)}))
	ofDomain := mail.DefaultSendLimits
	ofDomain.MessagesPerDay, ofDomain.RecipientsPerMessage, ofDomain.Pacing = 50, 7, true
	ofAlice := ofDomain
	ofAlice.MessagesPerDay, ofAlice.Pacing = 0, false
	for id, want := range map[mail.AccountID]mail.SendLimits{alice: ofAlice, bob: ofDomain} {
		if got := sendState(t, s, id).Limits; got != want {
			t.Errorf("account %d: %+v, want %+v", id, got, want)
		}
		if _, shown, err := s.AccountSendPolicy(t.Context(), id); err != nil || shown != want {
			t.Errorf("shown %+v, %v", shown, err)
		}
		if most, _, err := s.SubmissionRecipient(t.Context(), id, addr(t, "x@out.test")); err != nil || most != 7 {
			t.Errorf("recipients of a message: %d, %v", most, err)
		}
	}
	must(t, s.SetDomainSendPolicy(t.Context(), "test", "example.test", mail.SendPolicy{}))
	if got := sendState(t, s, bob).Limits; got != mail.DefaultSendLimits {
		t.Errorf("after the domain's row is gone %+v", got)
	}
	if n := count(t, s, `SELECT count(*) FROM audit_log WHERE action IN ('account.limits', 'domain.limits')`); n != 3 {
		t.Errorf("%d audit rows", n)
	}
}

func TestSendingIsCounted(t *testing.T) {
	s := storetest.New(t)
	alice := storetest.Account(t, s, "alice@example.test")
	must1[mail.Delivered](t)(s.Deliver(t.Context(), submitted(t, alice, mail.SendLimits{}, "x@out.test", "y@out.test")))
	must1[mail.Delivered](t)(s.Deliver(t.Context(), submitted(t, alice, mail.SendLimits{}, "X@out.test", "z@out.test")))
	st := sendState(t, s, alice, "X@out.test", "new@out.test", "NEW@out.test")
	if want := (mail.Sent{Messages: 2, Recipients: 4, NewRecipients: 3}); st.Hour != want || st.Day != want || st.Norm != (mail.Sent{}) {
		t.Errorf("hour %+v, day %+v, norm %+v", st.Hour, st.Day, st.Norm)
	}
	if st.New != 1 {
		t.Errorf("%d recipients are new, want 1", st.New)
	}
	// 20 hours later it is of the day, two days later of the norm.
	exec(t, s, `UPDATE sent_hours SET hour = hour - interval '20 hours'`)
	if st = sendState(t, s, alice); st.Hour.Messages != 0 || st.Day.Messages != 2 {
		t.Errorf("20 hours later: %+v", st)
	}
	exec(t, s, `UPDATE sent_hours SET hour = hour - interval '28 hours'`)
	exec(t, s, `INSERT INTO sent_hours (account_id, hour, recipients) SELECT account_id, hour - interval '5 days', 20 FROM sent_hours`)
	if st = sendState(t, s, alice); st.Day.Messages != 0 || st.Norm.Recipients != 12 || st.Norm.Messages != 1 {
		t.Errorf("two days later: %+v", st)
	}
	exec(t, s, `UPDATE sent_hours SET hour = hour - interval '30 days'`)
	if got := sweep(t, s); got.Sent != 2 {
		t.Errorf("swept %+v", got)
	}
}

// Submissions that arrive together all saw room; together they have none.
func TestLimitsHoldForWhatArrivesTogether(t *testing.T) {
	s := storetest.New(t)
	alice := storetest.Account(t, s, "alice@example.test")
	for name, limits := range map[string]mail.SendLimits{
		"messages":   {MessagesPerHour: 5},
		"recipients": {RecipientsPerDay: 11},
		"new":        {NewRecipientsPerDay: 11},
	} {
		exec(t, s, `TRUNCATE sent_hours, known_recipients`)
		var took, refused atomic.Int32
		var wg sync.WaitGroup
		for i := range 20 {
			d := submitted(t, alice, limits, fmt.Sprintf("%d@out.test", i), fmt.Sprintf("%d@two.test", i))
			wg.Go(func() {
				switch _, err := s.Deliver(t.Context(), d); {
				case err == nil:
					took.Add(1)
				case mail.Is(err, mail.CodeSendLimit):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if took.Load() != 5 || refused.Load() != 15 {
			t.Errorf("%s: %d accepted, %d refused", name, took.Load(), refused.Load())
		}
		if st := sendState(t, s, alice); st.Hour.Messages != 5 || st.Day.NewRecipients != 10 {
			t.Errorf("%s: counted %+v", name, st)
		}
	}
}

func TestPacedEntriesAreDueEvenly(t *testing.T) {
	s := storetest.New(t)
	alice := storetest.Account(t, s, "alice@example.test")
	d := submitted(t, alice, mail.SendLimits{}, "x@out.test", "y@out.test", "z@out.test")
	d.Outbound.Wait, d.Outbound.Step, d.Outbound.Why = 10*time.Minute, 5*time.Minute, "over the limit"
	must1[mail.Delivered](t)(s.Deliver(t.Context(), d))
	items, err := s.QueueList(t.Context(), mail.QueueFilter{})
	must(t, err)
	for i, q := range items {
		if got := time.Until(q.Entry.NextAttempt).Round(time.Minute); got != time.Duration(10+5*i)*time.Minute || q.Entry.Last.Text != "over the limit" {
			t.Errorf("entry %d is due in %v: %+v", i, got, q.Entry)
		}
	}
	if st := sendState(t, s, alice); st.PacedFor.Round(time.Minute) != 20*time.Minute {
		t.Errorf("paced for %v", st.PacedFor)
	}
	if got := lease(t, s, mail.LeaseArgs{}); len(got) != 0 {
		t.Errorf("leased early: %+v", got)
	}
}

func TestHardBouncesSuppress(t *testing.T) {
	s := storetest.New(t)
	alice := storetest.Account(t, s, "alice@example.test")
	replies := map[string]mail.RemoteReply{
		"gone@out.test":   {Code: 550, Status: "5.1.1", Text: "no such user", Remote: "mx.out.test [192.0.2.1]"},
		"null@out.test":   {Code: 556, Status: "5.1.10", Text: "null MX"},
		"policy@out.test": {Code: 550, Status: "5.7.1", Text: "go away"},
		"bare@out.test":   {Code: 550, Status: "5.0.0", Text: "no"},
		"late@out.test":   {Code: 450, Status: "4.2.0", Text: "expired"},
		"busy@out.test":   {Code: 450, Status: "4.1.1", Text: "later"},
	}
	var to []string
	for r := range replies {
		to = append(to, r)
	}
	must1[mail.Delivered](t)(s.Deliver(t.Context(), submitted(t, alice, mail.SendLimits{}, to...)))
	var xs []mail.Settlement
	for _, m := range lease(t, s, mail.LeaseArgs{}) {
		for _, e := range m.Entries {
			x := mail.Settlement{Entry: e.ID, Token: m.Token, Outcome: mail.OutcomeFailed, Reply: replies[e.Recipient.Address.String()]}
			if e.Recipient.Address.Local == "busy" {
				x.Outcome = mail.OutcomeDeferred
			}
			xs = append(xs, x)
		}
	}
	settle(t, s, nil, xs...)
	st := sendState(t, s, alice, append(to, "GONE@out.test")...)
	if fmt.Sprint(st.Suppressed) != "[gone@out.test null@out.test]" || st.Hour.Failures != 5 {
		t.Errorf("suppressed %v, failures %d", st.Suppressed, st.Hour.Failures)
	}
	_, gone, err := s.SubmissionRecipient(t.Context(), alice, addr(t, "Gone@out.test"))
	if err != nil || gone == nil || gone.Reason != "550 5.1.1 no such user" || time.Until(gone.ExpiresAt).Round(time.Hour) != 30*24*time.Hour {
		t.Errorf("%+v, %v", gone, err)
	}
	must(t, s.RemoveSuppression(t.Context(), "test", addr(t, "gone@out.test")))
	wantCode(t, s.RemoveSuppression(t.Context(), "test", addr(t, "gone@out.test")), mail.CodeNotFound)
	exec(t, s, `UPDATE suppressions SET expires_at = now() - interval '1 second'`)
	if st = sendState(t, s, alice, to...); len(st.Suppressed) != 0 {
		t.Errorf("after removal and expiry: %v", st.Suppressed)
	}
	if got := sweep(t, s); got.Sent != 1 {
		t.Errorf("swept %+v", got)
	}
}

func TestHeldSendingIsReportedOnceAndResumed(t *testing.T) {
	s := storetest.New(t)
	alice := storetest.Account(t, s, "alice@example.test")
	bob := storetest.Account(t, s, "bob@example.test")
	trace := must1[mail.Delivered](t)(s.Deliver(t.Context(), submitted(t, alice, mail.SendLimits{}, "x@out.test"))).Trace
	must1[mail.Delivered](t)(s.Deliver(t.Context(), submitted(t, bob, mail.SendLimits{}, "x@out.test")))
	var firsts atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			first, err := s.HoldSending(t.Context(), alice, "many new recipients")
			if err != nil {
				t.Error(err)
			}
			if first {
				firsts.Add(1)
			}
		})
	}
	wg.Wait()
	if firsts.Load() != 1 {
		t.Errorf("%d of 8 held it first", firsts.Load())
	}
	if st := sendState(t, s, alice); st.Held != "many new recipients" {
		t.Errorf("%+v", st)
	}
	items, err := s.QueueList(t.Context(), mail.QueueFilter{State: mail.QueueHeld})
	must(t, err)
	if len(items) != 1 || items[0].Entry.Message != trace || items[0].Entry.Last.Text != "many new recipients" {
		t.Errorf("held: %+v", items)
	}
	must(t, s.ResumeSending(t.Context(), "test", alice))
	wantCode(t, s.ResumeSending(t.Context(), "test", alice), mail.CodeNotFound)
	if st := sendState(t, s, alice); st.Held != "" || !st.Believed {
		t.Errorf("resumed: %+v", st)
	}
	if first, err := s.HoldSending(t.Context(), alice, "again"); err != nil || !first {
		t.Errorf("held again: %v, %v", first, err)
	}
}
