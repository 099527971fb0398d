package delivery_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postroom/internal/mail"
)

// report is a DSN about a message; header is what it returns of it.
func report(rcpt, status, action, header string) string {
	return "From: MAILER-DAEMON@far.test\r\nTo: alice@example.test\r\nSubject: returned\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nSorry.\r\n--b\r\n" +
		"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.far.test\r\n\r\nFinal-Recipient: rfc822; " + rcpt +
		"\r\nAction: " + action + "\r\nStatus: " + status + "\r\nRemote-MTA: dns; mbox.far.test\r\nDiagnostic-Code: smtp; 550 " + status +
		" said so\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n" + header + "\r\n--b--\r\n"
}

// submitted sends as alice to outside and gives the header as it left.
func (h *house) submitted(to string) (mail.TraceID, string) {
	h.t.Helper()
	out := h.mustSend(h.submission(), envelope("alice@example.test", to), letter)
	_, octets := h.left()
	return out.Trace, octets[:strings.Index(octets, "\r\n\r\n")+2]
}

func (h *house) suppressed() (all []string) {
	h.t.Helper()
	list, err := h.store.Suppressions(h.t.Context(), "")
	if err != nil {
		h.t.Fatal(err)
	}
	for _, x := range list {
		all = append(all, x.Address.String()+" "+x.Reason)
	}
	return all
}

func TestBounceIsTiedToItsMessage(t *testing.T) {
	h := newHouse(t, nil)
	trace, header := h.submitted("Gone@far.test")
	h.mustSend(mx(), envelope("", "alice@example.test"), report("gone@FAR.test", "5.1.1", "failed", header))
	if !h.told(trace, mail.EventBounced, "Gone@far.test", "hard: 550 5.1.1 said so") {
		t.Error("the timeline of the message does not tell")
	}
	if got := h.suppressed(); len(got) != 1 || got[0] != "Gone@far.test 550 5.1.1 said so" {
		t.Errorf("suppressed: %q", got)
	}
	if got := h.filed(h.alice); len(got) != 1 || !strings.Contains(got[0].octets, "Sorry.") {
		t.Errorf("alice got %d messages", len(got))
	}
	h.refusedFor(h.write("gone@far.test"), mail.CodeSuppressed, "said so")
}

// What a report says is believed as far as its tie to the message goes.
func TestReportsThatSuppressNobody(t *testing.T) {
	h := newHouse(t, nil)
	trace, header := h.submitted("friend@far.test")
	received := "Received: by mx.example.test id " + trace.String() + "; Sun, 1 Mar 2026 09:30:00 +0000\r\n"
	_, id, _ := strings.Cut(header, "Message-ID: ")
	id, _, _ = strings.Cut(id, "\r\n")
	for _, c := range []struct {
		name, from, to, octets string
		kind                   mail.EventKind // "": nothing is told
	}{
		{"full", "", "alice@example.test", report("friend@far.test", "5.2.2", "failed", header), mail.EventBounced},
		{"delay", "", "alice@example.test", report("friend@far.test", "4.4.1", "delayed", header), mail.EventReported},
		{"guessed queue id", "", "alice@example.test", report("friend@far.test", "5.1.1", "failed", received), mail.EventBounced},
		{"wrong Message-ID", "", "alice@example.test", report("friend@far.test", "5.1.1", "failed", received+"Message-ID: <alice@example.test>\r\n"), mail.EventBounced},
		{"another recipient", "", "alice@example.test", report("victim@far.test", "5.1.1", "failed", header), ""},
		{"to who never sent it", "", "bob@example.test", report("friend@far.test", "5.1.1", "failed", header), ""},
		{"with a reverse-path", "x@far.test", "alice@example.test", report("friend@far.test", "5.1.1", "failed", header), ""},
		{"unknown message", "", "alice@example.test", report("friend@far.test", "5.1.1", "failed", "Message-ID: <x@far.test>\r\n"), ""},
		{"reply of a responder", "", "alice@example.test",
			"From: friend@far.test\r\nAuto-Submitted: auto-replied\r\nIn-Reply-To: " + id + "\r\n\r\nI am away.\r\n", mail.EventReported},
	} {
		h.exec(`DELETE FROM delivery_events WHERE kind IN ('bounced', 'reported')`)
		h.mustSend(mx(), envelope(c.from, c.to), c.octets)
		if n := h.count(`SELECT count(*) FROM delivery_events WHERE kind IN ('bounced', 'reported')`); n != min(1, len(c.kind)) {
			t.Errorf("%s: %d lines in timelines", c.name, n)
		}
		if c.kind != "" && !h.told(trace, c.kind, "friend@far.test", "") {
			t.Errorf("%s: not told as %s", c.name, c.kind)
		}
		if got := h.suppressed(); len(got) != 0 {
			t.Fatalf("%s: suppressed %q", c.name, got)
		}
	}
	// A list that we sent to, of which one member is gone.
	h.mustSend(mx(), envelope("", "alice@example.test"), strings.Replace(report("member@far.test", "5.1.1", "failed", header),
		"Final-Recipient", "Original-Recipient: rfc822; friend@far.test\r\nFinal-Recipient", 1))
	if got := h.suppressed(); len(got) != 0 || h.count(`SELECT count(*) FROM delivery_events WHERE kind = 'bounced'`) != 1 {
		t.Errorf("a member of a list: suppressed %q", got)
	}
	// Each recipient once, however often a report says so.
	h.exec(`DELETE FROM delivery_events WHERE kind = 'bounced'`)
	twice := "Final-Recipient: rfc822; friend@far.test\r\nAction: failed\r\nStatus: 5.2.2\r\n\r\n"
	h.mustSend(mx(), envelope("", "alice@example.test"), strings.Replace(report("friend@far.test", "5.2.2", "failed", header), "\r\n\r\nFinal", "\r\n\r\n"+twice+"Final", 1))
	if n := h.count(`SELECT count(*) FROM delivery_events WHERE kind = 'bounced'`); n != 1 {
		t.Errorf("%d lines about one recipient", n)
	}
	h.pass(31 * 24 * time.Hour)
	h.mustSend(mx(), envelope("", "alice@example.test"), report("friend@far.test", "5.1.1", "failed", header))
	if got := h.suppressed(); len(got) != 0 {
		t.Errorf("after a month: %q", got)
	}
}

func TestBounceNamesItsMessageByEnvelopeID(t *testing.T) {
	h := newHouse(t, nil)
	trace, header := h.submitted("gone@far.test")
	id := header[strings.Index(header, "Message-ID:"):]
	octets := strings.Replace(report("gone@far.test", "5.1.1", "failed", id), "Reporting-MTA", "Original-Envelope-Id: "+trace.String()+"\r\nReporting-MTA", 1)
	h.mustSend(mx(), envelope("", "alice@example.test"), octets)
	if !h.told(trace, mail.EventBounced, "gone@far.test", "hard") || len(h.suppressed()) != 1 {
		t.Errorf("not tied; suppressed %q", h.suppressed())
	}
}

func TestBounceOfForwardedMail(t *testing.T) {
	h, _ := newForwarder(t)
	out := h.mustSend(mx(), envelope("carol@out.test", "box@example.test"), hello)
	q, octets := h.left()
	h.mustSend(mx(), envelope("", q.Message.From.String()), report("me@home.test", "5.1.1", "failed", octets[:strings.Index(octets, "\r\n\r\n")+2]))
	if back, _ := h.left(); back.Entries[0].Recipient.Address != addr("carol@out.test") {
		t.Errorf("the bounce went to %s", back.Entries[0].Recipient.Address)
	}
	if !h.told(out.Trace, mail.EventBounced, "me@home.test", "hard") || len(h.suppressed()) != 1 {
		t.Errorf("suppressed %q", h.suppressed())
	}
}

func TestComplaintIsTiedToItsMessage(t *testing.T) {
	h := newHouse(t, nil)
	trace, header := h.submitted("friend@far.test")
	feedback := func(header string) string {
		return "From: abuse@far.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n" +
			"--b\r\n\r\nSpam.\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: FBL/1\r\nVersion: 1\r\n\r\n" +
			"--b\r\nContent-Type: message/rfc822\r\n\r\n" + header + "\r\nHi.\r\n--b--\r\n"
	}
	for i, c := range []struct {
		header string
		want   bool
	}{{header, true}, {"Received: by us id " + trace.String() + "; x\r\nMessage-ID: <guess@x>\r\n", false}, {"Subject: none\r\n", false}} {
		h.exec(`DELETE FROM delivery_events WHERE kind = 'complaint'`)
		h.mustSend(mx(), envelope(fmt.Sprintf("abuse%d@far.test", i), "bob@example.test"), feedback(c.header))
		if got := h.told(trace, mail.EventComplaint, "", "abuse, by FBL/1"); got != c.want {
			t.Errorf("report %d: told %v", i, got)
		}
	}
	if got := h.suppressed(); len(got) != 0 {
		t.Errorf("suppressed %q", got)
	}
	// Postmaster, the oldest account, is told once of many within a day.
	h.exec(`DELETE FROM delivery_events WHERE kind = 'complaint'`)
	for i := range 12 {
		h.mustSend(mx(), envelope(fmt.Sprintf("fbl%d@far.test", i), "bob@example.test"), feedback(header))
	}
	got := h.filed(h.alice)
	if len(got) != 1 || !strings.Contains(got[0].octets, "reported 10 messages of alice@example.test as spam within a day") ||
		!strings.Contains(got[0].octets, "postroom trace "+trace.String()) {
		t.Errorf("postmaster got %q", got)
	}
}
