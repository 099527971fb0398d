package store_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func rule(sender, network string, allow bool) mail.SenderRule {
	x := mail.SenderRule{Sender: sender, Allow: allow, Note: "why"}
	if network != "" {
		x.Network = netip.MustParsePrefix(network)
	}
	return x
}

func TestSenderRulesFit(t *testing.T) {
	s := storetest.New(t)
	alice := storetest.Account(t, s, "alice@example.test")
	ofAlice, ofDomain := rule("out.test", "", true), rule("boss@out.test", "", true)
	ofAlice.Account, ofDomain.Domain = alice, "example.test"
	for _, x := range []mail.SenderRule{rule("", "192.0.2.0/24", false), rule("", "192.0.2.7/32", true), rule("", "2001:db8::/32", false),
		rule("boss@out.test", "198.51.100.0/24", true), ofAlice, ofDomain} {
		must(t, s.SetSenderRule(t.Context(), "test", x))
	}
	for name, tc := range map[string]struct {
		peer, from string
		want       string
	}{
		"a network and those within it": {"192.0.2.7", "", "192.0.2.0/24 192.0.2.7/32"},
		"a mapped address":              {"::ffff:192.0.2.9", "", "192.0.2.0/24"},
		"IPv6":                          {"2001:db8:1::1", "", "2001:db8::/32"},
		"a domain below":                {"203.0.113.1", "x@mail.out.test", "out.test"},
		"not a longer name":             {"203.0.113.1", "x@about.test", ""},
		"an address in any case":        {"203.0.113.1", "Boss@out.test", "boss@out.test out.test"},
		"both at once":                  {"198.51.100.3", "boss@out.test", "boss@out.test 198.51.100.0/24boss@out.test out.test"},
	} {
		var from mail.Address
		if tc.from != "" {
			from = addr(t, tc.from)
		}
		got, err := s.SenderRules(t.Context(), netip.MustParseAddr(tc.peer), from)
		must(t, err)
		want := map[string]bool{}
		for _, w := range strings.Fields(tc.want) {
			want[w] = true
		}
		for _, x := range got {
			key := x.Sender
			if x.Network.IsValid() {
				key = x.Network.String() + x.Sender
			}
			if !want[key] {
				t.Errorf("%s: %+v fits", name, x)
			}
			delete(want, key)
			if x.Sender == "out.test" && x.Account != alice || x.Sender == "boss@out.test" && !x.Network.IsValid() && x.Domain != "example.test" {
				t.Errorf("%s: scope of %+v", name, x)
			}
		}
		if len(want) > 0 {
			t.Errorf("%s: missing %v", name, want)
		}
	}
	must(t, s.RemoveSenderRule(t.Context(), "test", ofAlice))
	wantCode(t, s.RemoveSenderRule(t.Context(), "test", ofAlice), mail.CodeNotFound)
	if all, err := s.SenderRuleList(t.Context(), true, mail.SenderRule{}); err != nil || len(all) != 5 {
		t.Errorf("%d rules, %v", len(all), err)
	}
	ofNobody := rule("x.test", "", true)
	ofNobody.Domain = "nowhere.test"
	wantCode(t, s.SetSenderRule(t.Context(), "test", ofNobody), mail.CodeNotFound)
	if n := count(t, s, `SELECT count(*) FROM audit_log WHERE action IN ('sender.allow', 'sender.block', 'sender.remove')`); n != 7 {
		t.Errorf("%d audit rows", n)
	}
}

func TestKnownSender(t *testing.T) {
	s := storetest.New(t)
	alice := storetest.Account(t, s, "alice@example.test")
	bob := storetest.Account(t, s, "bob@example.test")
	must1[mail.Delivered](t)(s.Deliver(t.Context(), submitted(t, alice, mail.SendLimits{}, "Friend@out.test")))
	got, err := s.KnownSender(t.Context(), []mail.AccountID{alice, bob}, addr(t, "friend@out.test"))
	if err != nil || fmt.Sprint(got) != fmt.Sprint([]mail.AccountID{alice}) {
		t.Errorf("known to %v, %v", got, err)
	}
}

func TestGreylistLetsPassWhoComesAgain(t *testing.T) {
	s := storetest.New(t)
	at := noon
	try := func(network, triplet string) time.Duration {
		t.Helper()
		wait, err := s.Greylist(t.Context(), mail.GreylistTry{Network: []byte(network), Triplet: []byte(triplet), Now: at,
			Wait: 2 * time.Minute, Window: 24 * time.Hour, Good: 35 * 24 * time.Hour})
		must(t, err)
		return wait
	}
	for _, step := range []struct {
		after            time.Duration
		network, triplet string
		want             time.Duration
	}{
		{0, "n1", "a", 2 * time.Minute},
		{30 * time.Second, "n1", "a", 90 * time.Second},
		{0, "n1", "b", 2 * time.Minute},
		{100 * time.Second, "n1", "a", 0},
		{0, "n1", "c", 0}, // the network has passed
		{0, "n2", "a2", 2 * time.Minute},
		{25 * time.Hour, "n2", "a2", 2 * time.Minute}, // too late: the first again
		{30 * 24 * time.Hour, "n1", "d", 0},
		{30 * 24 * time.Hour, "n1", "e", 0}, // good from the last mail on
		{36 * 24 * time.Hour, "n1", "f", 2 * time.Minute},
		{time.Minute, "n1", "a", 2 * time.Minute}, // what it once passed by is old, too
	} {
		at = at.Add(step.after)
		if got := try(step.network, step.triplet); got != step.want {
			t.Fatalf("%s of %s at %s: wait %s, want %s", step.triplet, step.network, at.Format(time.DateTime), got, step.want)
		}
	}
}

func TestSweepOfStrangers(t *testing.T) {
	s := storetest.New(t)
	alice := storetest.Account(t, s, "alice@example.test")
	exec(t, s, `INSERT INTO greylist (key, first_at, last_at, passed_at) VALUES
		('w', now() - interval '25 hours', now(), NULL), ('w2', now() - interval '23 hours', now(), NULL),
		('p', now() - interval '90 days', now() - interval '36 days', now()), ('p2', now() - interval '90 days', now() - interval '34 days', now())`)
	exec(t, s, `INSERT INTO peer_hours VALUES ('old', now() - interval '4 hours', 1, 1, 1), ('new', now(), 1, 1, 1)`)
	for _, days := range []int{31, 29} {
		must(t, s.RecordRejects(t.Context(), []mail.Reject{{Account: alice, At: time.Now().AddDate(0, 0, -days), Action: mail.RejectRefused,
			Sender: addr(t, fmt.Sprintf("%d@out.test", days))}}))
	}
	if got := sweep(t, s); got.Received != 4 {
		t.Errorf("swept %+v", got)
	}
	if n := count(t, s, `SELECT (SELECT count(*) FROM greylist) + (SELECT count(*) FROM peer_hours) + (SELECT count(*) FROM rejects)`); n != 4 {
		t.Errorf("%d rows are left", n)
	}
}

func TestCountsOfAllNodesAreSummed(t *testing.T) {
	s := storetest.New(t)
	hour := noon.Truncate(time.Hour)
	add := func(hour time.Time, cs ...mail.PeerCount) []mail.PeerCount {
		t.Helper()
		out, err := s.CountPeers(t.Context(), hour, cs)
		must(t, err)
		return out
	}
	add(hour, mail.PeerCount{Subject: "b", Messages: 1, Recipients: 2}, mail.PeerCount{Subject: "a", Refused: 3})
	got := add(hour, mail.PeerCount{Subject: "a", Messages: 1, Recipients: 1, Refused: 1})
	if want := (mail.PeerCount{Subject: "a", Messages: 1, Recipients: 1, Refused: 4}); len(got) != 1 || got[0] != want {
		t.Errorf("the sum is %+v", got)
	}
	if got := add(hour.Add(time.Hour), mail.PeerCount{Subject: "a", Refused: 1}); got[0].Refused != 1 {
		t.Errorf("in the next hour %+v", got)
	}
}

func reject(t *testing.T, id mail.AccountID, sender string, a mail.RejectAction) mail.Reject {
	return mail.Reject{Account: id, At: noon, Count: 1, Network: netip.MustParsePrefix("192.0.2.0/24"), Sender: addr(t, sender), Action: a, Reason: "because"}
}

func TestRejectsAreCoalescedAndBounded(t *testing.T) {
	s := storetest.New(t)
	alice := storetest.Account(t, s, "alice@example.test")
	bob := storetest.Account(t, s, "bob@example.test")
	later := reject(t, alice, "x@out.test", mail.RejectRefused)
	later.At, later.Reason, later.Count = noon.Add(time.Minute), "newer", 5
	junk1, junk2 := reject(t, alice, "x@out.test", mail.RejectJunked), reject(t, alice, "x@out.test", mail.RejectJunked)
	junk1.Trace, junk2.Trace, junk1.Subject = 7, 8, "Buy\x00 now"
	twice := reject(t, alice, "y@out.test", mail.RejectRefused)
	must(t, s.RecordRejects(t.Context(), []mail.Reject{reject(t, alice, "x@out.test", mail.RejectRefused), junk1, junk2, twice, twice, reject(t, bob, "x@out.test", mail.RejectRefused)}))
	must(t, s.RecordRejects(t.Context(), []mail.Reject{later}))
	must(t, s.RecordRejects(t.Context(), nil))
	got := must1[[]mail.Reject](t)(s.Rejects(t.Context(), alice))
	if len(got) != 4 || got[0].Count != 6 || got[0].Reason != "newer" || !got[0].At.Equal(later.At) || got[0].Sender.String() != "x@out.test" {
		t.Fatalf("%+v", got)
	}
	for _, r := range got {
		if r.Sender.Local == "y" && r.Count != 2 {
			t.Errorf("two in one batch: %+v", r)
		}
	}
	var many []mail.Reject
	for i := range store.RejectsMax + 20 {
		r := reject(t, alice, fmt.Sprintf("%d@out.test", i), mail.RejectRefused)
		r.At = noon.Add(time.Hour + time.Duration(i)*time.Second)
		many = append(many, r)
	}
	must(t, s.RecordRejects(t.Context(), many))
	got = must1[[]mail.Reject](t)(s.Rejects(t.Context(), alice))
	if len(got) != store.RejectsMax || got[len(got)-1].Sender.Local != "20" {
		t.Errorf("%d are kept, the oldest is %+v", len(got), got[len(got)-1])
	}
	if got := must1[[]mail.Reject](t)(s.Rejects(t.Context(), bob)); len(got) != 1 {
		t.Errorf("bob has %d", len(got))
	}
}

func TestReleaseWritesTheRule(t *testing.T) {
	s := storetest.New(t)
	alice := storetest.Account(t, s, "alice@example.test")
	must(t, s.RecordRejects(t.Context(), []mail.Reject{reject(t, alice, "x@out.test", mail.RejectRefused)}))
	r := must1[[]mail.Reject](t)(s.Rejects(t.Context(), alice))[0]
	x := rule("x@out.test", "192.0.2.0/24", true)
	x.Account = alice
	must(t, s.ReleaseReject(t.Context(), "test", r, x))
	wantCode(t, s.ReleaseReject(t.Context(), "test", r, x), mail.CodeNotFound)
	_, err := s.Reject(t.Context(), alice, r.ID)
	wantCode(t, err, mail.CodeNotFound)
	if got := must1[[]mail.SenderRule](t)(s.SenderRules(t.Context(), netip.MustParseAddr("192.0.2.9"), addr(t, "x@out.test"))); len(got) != 1 || !got[0].Allow || got[0].Account != alice {
		t.Errorf("rules %+v", got)
	}
	if n := count(t, s, `SELECT count(*) FROM audit_log WHERE action = 'reject.release'`); n != 1 {
		t.Errorf("%d audit rows", n)
	}
}

func TestUnjunkMovesToTheInbox(t *testing.T) {
	s := storetest.New(t)
	alice := storetest.Account(t, s, "alice@example.test")
	var junk mail.MailboxID
	must(t, s.QueryForTest(t.Context(), []any{&junk}, `SELECT id FROM mailboxes WHERE account_id = $1 AND special_use = '\Junk'`, alice))
	d := delivery(addr(t, "x@out.test"))
	d.Relay, d.Locals = nil, []mail.LocalDelivery{{Account: alice, Mailbox: junk, Received: noon, Keywords: []string{"$Junk"}, Recipient: addr(t, "alice@example.test")}}
	trace := mail.TraceID(s.NewID())
	d.Trace = trace
	must1[mail.Delivered](t)(s.Deliver(t.Context(), d))
	if moved, err := s.UnjunkMessage(t.Context(), alice, trace); err != nil || !moved {
		t.Fatalf("moved %v, %v", moved, err)
	}
	if moved, err := s.UnjunkMessage(t.Context(), alice, trace); err != nil || moved {
		t.Errorf("moved again: %v, %v", moved, err)
	}
	inbox := storetest.Inbox(t, s, alice)
	if n := count(t, s, `SELECT count(*) FROM mailbox_messages m WHERE account_id = $1 AND mailbox_id = $2
		AND ARRAY(SELECT name FROM keywords k WHERE k.account_id = $1 AND k.id = ANY (m.keywords)) = '{$NotJunk}'`, alice, inbox); n != 1 {
		t.Errorf("%d in INBOX as $NotJunk", n)
	}
	must(t, storetest.CheckInvariants(t.Context(), s))
}
