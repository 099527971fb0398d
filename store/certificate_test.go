package store_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

const who = mail.Actor("test")

// bound gives a store whose master key is named by k.
func bound(t *testing.T, k []byte) *store.Store {
	t.Helper()
	s := storetest.New(t)
	if err := s.BindMasterKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	return s
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCertificateRows(t *testing.T) {
	k, now := []byte("fingerprint 1"), time.Now().Truncate(time.Second)
	s := bound(t, k)
	ok(t, s.WantCertificates(t.Context(), []string{"a.test", "b.test"}, now))
	c := mail.Certificate{Name: "a.test", Sealed: []byte("sealed"), Directory: "https://ca.test", Issuer: "CA", NotBefore: now, NotAfter: now.Add(time.Hour)}
	if err := s.SaveCertificate(t.Context(), c, []byte("another")); !mail.Is(err, mail.CodeConflict) {
		t.Errorf("sealed under another key: %v", err)
	}
	ok(t, s.SaveCertificate(t.Context(), c, k))
	ok(t, s.AskRenewal(t.Context(), who, "a.test"))
	ok(t, s.FailCertificate(t.Context(), "a.test", "no\nway", now, now.Add(time.Minute)))
	list, err := s.Certificates(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	if a := list[0]; a.Error != "no way" || a.Failures != 1 || !a.RenewAskedAt.IsZero() || !a.NotAfter.Equal(c.NotAfter) || a.IssuedAt.IsZero() || a.Sealed != nil {
		t.Errorf("%+v", a)
	}
	if b := list[1]; b.Name != "b.test" || !b.IssuedAt.IsZero() || !b.NotAfter.IsZero() {
		t.Errorf("%+v", b)
	}
	sealed, err := s.SealedCertificates(t.Context(), []string{"a.test", "b.test"})
	if err != nil || len(sealed) != 1 || string(sealed["a.test"]) != "sealed" {
		t.Errorf("%v, %v", sealed, err)
	}
	if err := s.AskRenewal(t.Context(), who, "c.test"); !mail.Is(err, mail.CodeNotFound) {
		t.Error(err)
	}
	ok(t, s.WantCertificates(t.Context(), nil, now))
	if list, _ = s.Certificates(t.Context()); len(list) != 1 {
		t.Errorf("a good certificate went, or a name stayed: %+v", list)
	}
	ok(t, s.WantCertificates(t.Context(), nil, c.NotAfter))
	if list, _ = s.Certificates(t.Context()); len(list) != 0 {
		t.Errorf("after its end: %+v", list)
	}
}

func TestACMELocks(t *testing.T) {
	s := storetest.New(t)
	take := func(token int64, lease time.Duration, want bool) {
		t.Helper()
		if got, err := s.TakeACMELock(t.Context(), "a", token, lease); err != nil || got != want {
			t.Errorf("token %d: %v, %v", token, got, err)
		}
	}
	take(1, time.Minute, true)
	take(2, time.Minute, false)
	if held, err := s.RenewACMELock(t.Context(), "a", 1, -time.Second); err != nil || !held { // its node hangs
		t.Fatal(held, err)
	}
	take(2, time.Minute, true)
	if held, err := s.RenewACMELock(t.Context(), "a", 1, time.Minute); err != nil || held {
		t.Error("a lock that was lost was renewed", err)
	}
	ok(t, s.FreeACMELock(t.Context(), "a", 1))
	take(3, time.Minute, false)
	ok(t, s.FreeACMELock(t.Context(), "a", 2))
	take(3, time.Minute, true)
}

func TestTicketKeyOfADayIsOne(t *testing.T) {
	k, today := []byte("fingerprint 1"), time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)
	s := bound(t, k)
	add := func(before int, secret string, days ...int) {
		t.Helper()
		var keys []mail.TicketKey
		for _, d := range days {
			keys = append(keys, mail.TicketKey{Day: today.AddDate(0, 0, d), Sealed: []byte(secret)})
		}
		ok(t, s.AddTicketKeys(t.Context(), keys, k, today.AddDate(0, 0, before)))
	}
	add(-9, "first", -3, 0)
	add(-2, "second", 0, 1)
	keys, err := s.TicketKeys(t.Context(), today.AddDate(0, 0, -5))
	if err != nil || len(keys) != 2 || !keys[0].Day.Equal(today) || string(keys[0].Sealed) != "first" || string(keys[1].Sealed) != "second" {
		t.Errorf("%+v, %v", keys, err)
	}
	if err := s.AddTicketKeys(t.Context(), keys, []byte("another"), today); !mail.Is(err, mail.CodeConflict) {
		t.Errorf("sealed under another key: %v", err)
	}
}

// TestResealTakesCertificatesAlong: a rotation of the master key turns them all,
// and a lost key costs what can be had anew.
func TestResealTakesCertificatesAlong(t *testing.T) {
	one, two, three := []byte("fingerprint 1"), []byte("fingerprint 2"), []byte("fingerprint 3")
	s, now := bound(t, one), time.Now()
	today := now.UTC().Truncate(24 * time.Hour)
	ok(t, s.SaveCertificate(t.Context(), mail.Certificate{Name: "a.test", Sealed: []byte("old"), NotBefore: now, NotAfter: now}, one))
	ok(t, s.StoreACMEFile(t.Context(), "acme/key", []byte("old"), one))
	ok(t, s.AddTicketKeys(t.Context(), []mail.TicketKey{{Day: today, Sealed: []byte("old")}}, one, today))
	var rows []string
	n, err := s.Reseal(t.Context(), who, one, two, false, func(table, row string, sealed []byte) ([]byte, error) {
		rows = append(rows, table+" "+row)
		return bytes.Replace(sealed, []byte("old"), []byte("new"), 1), nil
	})
	want := "certificates a.test,acme_files acme/key,ticket_keys " + mail.TicketKey{Day: today}.SecretRow()
	if err != nil || n != 3 || strings.Join(rows, ",") != want {
		t.Fatalf("%d, %v, %v", n, rows, err)
	}
	sealed, _ := s.SealedCertificates(t.Context(), []string{"a.test"})
	file, _ := s.LoadACMEFile(t.Context(), "acme/key")
	keys, _ := s.TicketKeys(t.Context(), today)
	if string(sealed["a.test"]) != "new" || string(file) != "new" || string(keys[0].Sealed) != "new" {
		t.Errorf("%q %q %q", sealed, file, keys)
	}
	_, err = s.Reseal(t.Context(), who, two, three, true, func(string, string, []byte) ([]byte, error) { return nil, errors.New("lost") })
	ok(t, err)
	list, _ := s.Certificates(t.Context())
	files, _ := s.ACMEFiles(t.Context(), "")
	keys, _ = s.TicketKeys(t.Context(), today)
	if len(list)+len(files)+len(keys) != 0 {
		t.Errorf("what cannot be opened stayed: %v %v %v", list, files, keys)
	}
}
