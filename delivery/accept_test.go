package delivery_test

import (
	"fmt"
	"strings"
	"testing"

	"postroom/internal/mail"
)

const hello = "From: carol@out.test\r\nTo: bob@example.test\r\nSubject: hi\r\nMessage-ID: <1@out.test>\r\n\r\nHello.\r\n"

func TestReceivedOctetsFollowOurTrace(t *testing.T) {
	h := newHouse(t, nil)
	out := h.mustSend(mx(), envelope("carol@out.test", "bob@example.test"), hello)
	got := h.filed(h.bob)
	if len(got) != 1 || got[0].octets != hello {
		t.Fatalf("%q", got)
	}
	want := "Return-Path: <carol@out.test>\r\nDelivered-To: bob@example.test\r\n" +
		"Received: from mail.out.test ([192.0.2.1])\r\n\tby mx.example.test with ESMTPS (TLS 1.3 TLS_AES_128_GCM_SHA256)\r\n\tid " + out.Trace.String() +
		"\r\n\tfor <bob@example.test>;\r\n\tSun, 1 Mar 2026 09:30:00 +0000\r\n"
	if got[0].prefix != want {
		t.Errorf("prefix\n%s\nnot\n%s", got[0].prefix, want)
	}
}

func TestOddMessagesStayAsTheyAre(t *testing.T) {
	h := newHouse(t, nil)
	for i, octets := range []string{"", "\r\n", "no header at all", "A: b", "\r\nbody\r\n", "A: b\r\n\r\n", ": \r\n\x80\xff\r\n\r\n\x80",
		strings.Repeat("X-Long: "+strings.Repeat("y", 900)+"\r\n", 400) + "\r\nend\r\n", "From x\r\n\r\n" + strings.Repeat("z", 200_000)} {
		h.mustSend(mx(), envelope("carol@out.test", "bob@example.test"), octets)
		if got := h.filed(h.bob); got[i].octets != octets {
			t.Errorf("message %d came out as %.60q", i, got[i].octets)
		}
	}
}

func TestForClauseNamesNobodyElse(t *testing.T) {
	h := newHouse(t, nil)
	h.mustSend(mx(), envelope("", "bob@example.test", "alice@example.test"), hello)
	for _, acct := range []mail.AccountID{h.alice, h.bob} {
		got := h.filed(acct)
		if len(got) != 1 || strings.Contains(got[0].prefix, "for <") || !strings.HasPrefix(got[0].prefix, "Return-Path: <>\r\n") {
			t.Errorf("%q", got)
		}
	}
	if n := h.count(`SELECT count(DISTINCT blob_id) FROM blobs`); n != 1 {
		t.Errorf("%d blobs for one message", n)
	}
}

func TestWhoTakesWhat(t *testing.T) {
	h := newHouse(t, nil)
	for _, c := range []struct {
		s    *mail.Session
		rcpt string
		utf8 bool
		want mail.Code
	}{
		{mx(), "nobody@example.test", false, mail.CodeNoSuchUser},
		{mx(), "x@out.test", false, mail.CodeRelayDenied},
		{mx(), "bob%out.test@out.test", false, mail.CodeRelayDenied},
		{mx(), "用户@example.test", false, mail.CodeNotUTF8Capable},
		{mx(), "用户@example.test", true, mail.CodeNoSuchUser},
		{h.submission(), "nobody@example.test", false, mail.CodeNoSuchUser},
		{&mail.Session{Role: mail.RoleSubmission}, "bob@example.test", false, mail.CodeNoPermission},
		{&mail.Session{Role: mail.RoleMX, Account: h.alice}, "x@out.test", false, mail.CodeRelayDenied},
	} {
		e := &mail.Envelope{UTF8: c.utf8}
		if err := h.CheckRecipient(t.Context(), c.s, e, mail.Recipient{Address: addr(c.rcpt)}); !mail.Is(err, c.want) {
			t.Errorf("%s by %s: %v", c.rcpt, c.s.Role, err)
		}
		// DATA asks again: nothing gets in that RCPT refused.
		e = envelope("alice@example.test", c.rcpt)
		if _, err := h.Begin(t.Context(), c.s, e); err == nil {
			t.Errorf("%s by %s: begun", c.rcpt, c.s.Role)
		}
	}
	for _, rcpt := range []string{"bob@example.test", "BOB@example.test", "bob+tag@example.test", "postmaster@example.test", "abuse@example.test"} {
		if err := h.CheckRecipient(t.Context(), mx(), &mail.Envelope{}, mail.Recipient{Address: addr(rcpt)}); err != nil {
			t.Errorf("%s: %v", rcpt, err)
		}
	}
	for _, rcpt := range []string{"postmaster@mx.example.test", "Abuse@mx.example.test"} { // no domain of ours, but our name
		h.mustSend(mx(), envelope("carol@out.test", rcpt), "Subject: "+rcpt+"\r\n\r\n")
	}
	if n := len(h.filed(h.alice)); n != 2 {
		t.Errorf("%d messages to the host itself were filed", n)
	}
	if err := h.CheckRecipient(t.Context(), mx(), &mail.Envelope{}, mail.Recipient{Address: addr("bob@mx.example.test")}); !mail.Is(err, mail.CodeRelayDenied) {
		t.Errorf("bob at the host's name: %v", err)
	}
	if err := h.CheckRecipient(t.Context(), h.submission(), &mail.Envelope{}, mail.Recipient{Address: addr("x@out.test")}); err != nil {
		t.Errorf("relay for an account: %v", err)
	}
}

func TestQuotaAndDisabled(t *testing.T) {
	h := newHouse(t, nil)
	if err := h.store.SetQuota(t.Context(), "test", h.bob, 500); err != nil {
		t.Fatal(err)
	}
	e := envelope("carol@out.test", "bob@example.test")
	e.Size = 600
	if err := h.CheckRecipient(t.Context(), mx(), e, e.Recipients[0]); !mail.Is(err, mail.CodeOverQuota) {
		t.Errorf("declared too large: %v", err)
	}
	e.Size = 0
	if _, err := h.send(mx(), e, hello+strings.Repeat("x", 1000)); !mail.Is(err, mail.CodeOverQuota) {
		t.Errorf("too large in the end: %v", err)
	}
	if n := len(h.filed(h.bob)); n != 0 {
		t.Errorf("%d messages filed", n)
	}
	if err := h.store.DisableAccount(t.Context(), "test", h.bob); err != nil {
		t.Fatal(err)
	}
	if err := h.CheckRecipient(t.Context(), mx(), e, e.Recipients[0]); !mail.Is(err, mail.CodeAccountDisabled) {
		t.Errorf("disabled: %v", err)
	}
}

func TestLoops(t *testing.T) {
	h := newHouse(t, nil)
	received := func(n int) string { return strings.Repeat("Received: from x by y; now\r\n", n) }
	to := envelope("carol@out.test", "bob@example.test")
	h.mustSend(mx(), to, received(50)+hello)
	if _, err := h.send(mx(), to, received(51)+hello); !mail.Is(err, mail.CodeLoop) {
		t.Errorf("51 Received: %v", err)
	}
	if _, err := h.send(mx(), to, "Delivered-To: Bob@EXAMPLE.test\r\n"+hello); !mail.Is(err, mail.CodeLoop) {
		t.Errorf("delivered before: %v", err)
	}
	h.mustSend(mx(), to, "Delivered-To: bob@out.test\r\n"+hello)
	h.mustSend(mx(), to, hello+received(60)+"Delivered-To: bob@example.test\r\n")
}

func TestForwards(t *testing.T) {
	h := newHouse(t, nil)
	if err := h.store.SetAlias(t.Context(), "test", mail.Alias{Local: "all", Domain: "example.test",
		Targets: []mail.Address{addr("bob@example.test"), addr("x@out.test"), addr("y@other.test")}}, false); err != nil {
		t.Fatal(err)
	}
	e := envelope("carol@out.test", "all@example.test", "bob@example.test")
	e.Ret, e.EnvID, e.Recipients[0].Notify = mail.ReturnHeaders, "env", mail.NotifyFailure
	h.mustSend(mx(), e, hello)
	if got := h.filed(h.bob); len(got) != 1 {
		t.Fatalf("%d copies for bob", len(got))
	}
	q := h.queued()
	if len(q) != 2 {
		t.Fatalf("%d queue entries", len(q))
	}
	m := q[0].Message
	if m.From != addr("carol@out.test") || m.Account != 0 || m.EnvID != "env" || m.Ret != mail.ReturnHeaders || m.UTF8 || m.Body8Bit {
		t.Errorf("%+v", m)
	}
	if !strings.HasPrefix(string(m.Prefix), "Delivered-To: all@example.test\r\nReceived: from mail.out.test") {
		t.Errorf("prefix %q", m.Prefix)
	}
	if r := q[0].Entries[0].Recipient; r.Notify != mail.NotifyFailure || r.ORcpt != "rfc822;all@example.test" {
		t.Errorf("%+v", r)
	}
	// When it comes back, the loop is seen.
	if _, err := h.send(mx(), envelope("carol@out.test", "all@example.test"), string(m.Prefix)+hello); !mail.Is(err, mail.CodeLoop) {
		t.Errorf("came back: %v", err)
	}
}

func TestRetryIsAnsweredWithTheFirstID(t *testing.T) {
	h := newHouse(t, nil)
	e := envelope("carol@out.test", "bob@example.test", "alice@example.test")
	first := h.mustSend(mx(), e, hello)
	s := mx()
	s.Peer = peerIn("192.0.2.200") // another host of the same sender
	e.Recipients[0], e.Recipients[1] = e.Recipients[1], e.Recipients[0]
	again := h.mustSend(s, e, hello)
	if !again.Duplicate || again.Trace != first.Trace || len(h.filed(h.bob)) != 1 {
		t.Errorf("%+v after %+v", again, first)
	}
	s.Peer = peerIn("198.51.100.1")
	for what, send := range map[string]func() mail.Delivered{
		"another network":      func() mail.Delivered { return h.mustSend(s, e, hello) },
		"another sender":       func() mail.Delivered { return h.mustSend(mx(), envelope("dan@out.test", "bob@example.test"), hello) },
		"other recipients":     func() mail.Delivered { return h.mustSend(mx(), envelope("carol@out.test", "bob@example.test"), hello) },
		"other octets":         func() mail.Delivered { return h.mustSend(mx(), e, hello+"more\r\n") },
		"without a Message-ID": func() mail.Delivered { return h.mustSend(mx(), e, "A: b\r\n\r\n") },
		"and again":            func() mail.Delivered { return h.mustSend(mx(), e, "A: b\r\n\r\n") },
	} {
		if send().Duplicate {
			t.Errorf("%s is taken for a retry", what)
		}
	}
}

func TestBadOctetsAreRefusedAndLeaveNothing(t *testing.T) {
	h := newHouse(t, nil)
	to := envelope("carol@out.test", "bob@example.test")
	for what, c := range map[string]struct {
		octets string
		want   mail.Code
	}{
		"bare LF":  {hello + "a\nb\r\n", mail.CodeBadMessage},
		"bare CR":  {hello + "a\rb\r\n", mail.CodeBadMessage},
		"NUL":      {hello + "a\x00b\r\n", mail.CodeBadMessage},
		"too big":  {hello + strings.Repeat("x", 2<<20), mail.CodeTooBig},
		"bare LFs": {strings.ReplaceAll(hello, "\r\n", "\n"), mail.CodeBadMessage},
	} {
		if _, err := h.send(mx(), to, c.octets); !mail.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n := h.count(`SELECT count(*) FROM messages`) + h.count(`SELECT count(*) FROM blobs`) + h.count(`SELECT count(*) FROM delivery_events`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

func TestHostileHelo(t *testing.T) {
	h := newHouse(t, nil)
	s := mx()
	s.Helo = "x) by evil.test; (\u2028ä"
	h.mustSend(s, envelope("carol@out.test", "bob@example.test"), hello)
	if got := h.filed(h.bob)[0].prefix; !strings.Contains(got, "Received: from x??by?evil.test??????? ([192.0.2.1])") && !strings.Contains(got, "Received: from x??by?evil.test???") {
		t.Errorf("%q", got)
	}
}

func TestSuccessIsReportedWhenAskedFor(t *testing.T) {
	h := newHouse(t, nil)
	e := envelope("alice@example.test", "bob@example.test")
	e.Recipients[0].Notify = mail.NotifySuccess
	out := h.mustSend(h.submission(), e, "From: alice@example.test\r\nMessage-ID: <s@x>\r\n\r\nHi.\r\n")
	got := h.filed(h.alice)
	if len(got) != 1 || !strings.Contains(got[0].octets, "Action: delivered\r\n") || !strings.Contains(got[0].octets, "In-Reply-To: <s@x>\r\n") ||
		!strings.Contains(got[0].octets, out.Trace.String()) || !strings.HasPrefix(got[0].prefix, "Return-Path: <>\r\n") {
		t.Errorf("%q", got)
	}
}

func TestTimeline(t *testing.T) {
	h := newHouse(t, nil)
	out := h.mustSend(h.submission(), envelope("alice@example.test", "bob@example.test", "x@out.test"), "From: alice@example.test\r\n\r\nHi.\r\n")
	events, err := h.store.Timeline(t.Context(), out.Trace)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, string(e.Kind))
	}
	if got := fmt.Sprint(kinds); !strings.Contains(got, "accepted") || !strings.Contains(got, "filed") || !strings.Contains(got, "queued") {
		t.Errorf("%v", events)
	}
}
