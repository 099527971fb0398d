package store_test

import (
	"sync"
	"testing"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

func TestReplaceIsBothOrNeither(t *testing.T) {
	s := storetest.New(t)
	a := storetest.Account(t, s, "alice@example.test")
	inbox := storetest.Inbox(t, s, a)
	sent, _, err := s.MailboxByName(t.Context(), a, "Sent")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), a, inbox, []store.AppendMessage{appended(body(40), 0), appended(body(50), mail.FlagDeleted)}); err != nil {
		t.Fatal(err)
	}
	counts := func(mbox mail.MailboxID) mail.MailboxState {
		t.Helper()
		states, err := s.States(t.Context(), a, []mail.MailboxID{mbox})
		if err != nil {
			t.Fatal(err)
		}
		return states[mbox]
	}
	w := s.Watch(a, inbox)
	defer w.Close()
	// The quota is judged by the difference (RFC 8508 §3.4).
	exec(t, s, "UPDATE accounts SET quota_bytes = 100")
	_, err = s.Replace(t.Context(), a, inbox, appended(body(51), 0), store.Replaced{Mailbox: inbox, UID: 1})
	wantCode(t, err, mail.CodeOverQuota)
	if st := counts(inbox); st.Messages != 2 || st.HighestModSeq != 2 {
		t.Errorf("after a refusal: %+v", st)
	}
	res, err := s.Replace(t.Context(), a, inbox, appended(body(45), mail.FlagDraft), store.Replaced{Mailbox: inbox, UID: 1})
	if err != nil || len(res.UIDs) != 1 || res.UIDs[0] != 3 {
		t.Fatalf("%+v, %v", res, err)
	}
	<-w.C
	if st := counts(inbox); st.Messages != 2 || st.Deleted != 1 || st.Bytes != 95 || st.HighestModSeq != res.ModSeq {
		t.Errorf("after REPLACE: %+v", st)
	}
	if res, err = s.Replace(t.Context(), a, sent.ID, appended(body(10), 0), store.Replaced{Mailbox: inbox, UID: 2}); err != nil || res.UIDs[0] != 1 {
		t.Fatalf("into another mailbox: %+v, %v", res, err)
	}
	<-w.C
	if in, out := counts(inbox), counts(sent.ID); in.Messages != 1 || in.Deleted != 0 || out.Messages != 1 {
		t.Errorf("%+v, %+v", in, out)
	}
	_, err = s.Replace(t.Context(), a, sent.ID, appended(body(10), 0), store.Replaced{Mailbox: inbox, UID: 2})
	wantCode(t, err, mail.CodeConflict)
	_, err = s.Replace(t.Context(), a, 4711, appended(body(10), 0), store.Replaced{Mailbox: inbox, UID: 3})
	wantCode(t, err, mail.CodeNotFound)
	if in, out := counts(inbox), counts(sent.ID); in.Messages != 1 || out.Messages != 1 {
		t.Errorf("after refusals: %+v, %+v", in, out)
	}
	sound(t, s)
}

// Of many that replace the same message one does.
func TestReplaceOnce(t *testing.T) {
	s := storetest.New(t)
	a := storetest.Account(t, s, "alice@example.test")
	inbox := storetest.Inbox(t, s, a)
	if _, err := s.Append(t.Context(), a, inbox, []store.AppendMessage{appended(body(40), 0)}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			m := appended(body(10), 0)
			if i%2 == 0 {
				m = appended(body(mail.ChunkSize*3), 0) // streamed
			}
			_, errs[i] = s.Replace(t.Context(), a, inbox, m, store.Replaced{Mailbox: inbox, UID: 1})
		})
	}
	wg.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		} else {
			wantCode(t, err, mail.CodeConflict)
		}
	}
	if n := number(t, s, "SELECT count(*) FROM mailbox_messages"); done != 1 || n != 1 {
		t.Errorf("%d replaced, %d messages", done, n)
	}
	sound(t, s)
}
