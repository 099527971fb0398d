package admin_test

import (
	"net/netip"
	"testing"
	"time"

	"postroom/internal/admin"
	"postroom/internal/mail"
	"postroom/store/storetest"
)

func TestSenderLists(t *testing.T) {
	a, s := desk(t)
	storetest.Account(t, s, "alice@example.test")
	for _, args := range []admin.SenderArgs{
		{What: "Boss@Bücher.example", For: "alice@example.test", Note: "asked for"}, {What: "@bad.test", For: "example.test"},
		{What: "192.0.2.9/24"}, {What: "2001:db8::1"}, {What: "out.test", Network: "::ffff:198.51.100.7/128"},
	} {
		_, err := a.AllowSender(t.Context(), args)
		must(t, err)
	}
	_, err := a.BlockSender(t.Context(), admin.SenderArgs{What: "bad.test", For: "example.test"}) // replaces
	must(t, err)
	all, err := a.SenderRules(t.Context(), "")
	must(t, err)
	got := map[admin.SenderRule]bool{}
	for _, x := range all {
		x.Since = time.Time{}
		got[x] = true
	}
	for _, want := range []admin.SenderRule{
		{List: "allow", Sender: "boss@bücher.example", For: "alice@example.test", Note: "asked for"}, {List: "block", Sender: "bad.test", For: "example.test"},
		{List: "allow", Network: "192.0.2.0/24"}, {List: "allow", Network: "2001:db8::1/128"}, {List: "allow", Sender: "out.test", Network: "198.51.100.7/32"},
	} {
		if !got[want] || len(all) != 5 {
			t.Errorf("%+v is not among %+v", want, all)
		}
	}
	if of, err := a.SenderRules(t.Context(), "alice@example.test"); err != nil || len(of) != 1 {
		t.Errorf("of alice: %+v, %v", of, err)
	}
	must(t, a.RemoveSender(t.Context(), admin.SenderArgs{What: "192.0.2.0/24"}))
	refused(t, a.RemoveSender(t.Context(), admin.SenderArgs{What: "out.test"}), mail.CodeNotFound, "sender list")
	for _, args := range []admin.SenderArgs{{What: "0.0.0.0/0"}, {What: "::/8"}, {What: "2001:db8::/96"}, {What: "1.2.3.4/99"}, {What: "not a thing"}, {What: "192.0.2.1", Network: "192.0.2.0/24"}} {
		if _, err := a.BlockSender(t.Context(), args); !mail.Is(err, mail.CodeInvalid) {
			t.Errorf("%+v: %v", args, err)
		}
	}
}

func TestReleaseOfRejects(t *testing.T) {
	a, s := desk(t)
	alice := storetest.Account(t, s, "alice@example.test")
	net := netip.MustParsePrefix("192.0.2.0/24")
	must(t, s.RecordRejects(t.Context(), []mail.Reject{
		{Account: alice, At: time.Now(), Network: net, Sender: mail.Address{Local: "Bob", Domain: "out.test"}, Action: mail.RejectRefused, Reason: "listed"},
		{Account: alice, At: time.Now(), Network: net, Sender: mail.Address{Local: "list-41", Domain: "news.test"}, Action: mail.RejectGreylisted, Reason: "wait"},
		{Account: alice, At: time.Now(), Network: net, Action: mail.RejectJunked, Trace: 7, From: "x", Subject: "y"},
		{Account: alice, At: time.Now(), Action: mail.RejectRefused, Reason: "many"},
	}))
	all, err := a.Rejects(t.Context(), "alice@example.test")
	must(t, err)
	want := map[string]string{"Bob@out.test": "bob@out.test", "list-41@news.test": "news.test", "": ""}
	for _, x := range all {
		r, err := a.ReleaseReject(t.Context(), "alice@example.test", x.ID)
		if x.Network == "" {
			refused(t, err, mail.CodeInvalid, "sender allow")
			continue
		}
		must(t, err)
		if r.Rule.Sender != want[x.Sender] || r.Rule.Network != "192.0.2.0/24" || r.Rule.For != "alice@example.test" || r.Rule.List != "allow" || r.Moved {
			t.Errorf("%s: %+v", x.Sender, r)
		}
	}
	if all, err = a.Rejects(t.Context(), "alice@example.test"); err != nil || len(all) != 1 {
		t.Errorf("left: %+v, %v", all, err)
	}
	_, err = a.ReleaseReject(t.Context(), "alice@example.test", "x")
	refused(t, err, mail.CodeInvalid, "postroom rejects alice@example.test")
}
