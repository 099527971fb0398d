package store_test

import (
	"testing"

	"postroom/internal/mail"
	"postroom/store/storetest"
)

// Quotas are set by who is an administrator when they are written, whatever was
// known before, and each change says who made it.
func TestQuotasAreSetByAdministrators(t *testing.T) {
	s := storetest.New(t)
	ann, bob := storetest.Account(t, s, "ann@example.test"), storetest.Account(t, s, "bob@example.test")
	set := func(by mail.AccountID) error {
		return s.SetQuotas(t.Context(), "imap:ann@example.test", by, bob, 1<<20, 7)
	}
	quota := func() mail.Quota {
		q, err := s.Quota(t.Context(), bob)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	for _, by := range []mail.AccountID{0, ann, bob} {
		if err := set(by); !mail.Is(err, mail.CodeNoPermission) {
			t.Errorf("by %d: %v", by, err)
		}
	}
	if q := quota(); q.LimitBytes != 0 || q.LimitMessages != 0 {
		t.Errorf("quota %+v", q)
	}
	if err := s.SetAccountAdmin(t.Context(), "test", ann, true); err != nil {
		t.Fatal(err)
	}
	if err := set(ann); err != nil {
		t.Fatal(err)
	}
	if q := quota(); q.LimitBytes != 1<<20 || q.LimitMessages != 7 {
		t.Errorf("quota %+v", q)
	}
	if err := s.DisableAccount(t.Context(), "test", ann); err != nil {
		t.Fatal(err)
	}
	if err := set(ann); !mail.Is(err, mail.CodeNoPermission) {
		t.Errorf("disabled: %v", err)
	}
	if n := count(t, s, `SELECT count(*) FROM audit_log WHERE actor = 'imap:ann@example.test' AND action = 'account.quota'
		AND target = 'bob@example.test'`); n != 1 {
		t.Errorf("%d audit rows", n)
	}
}
