package delivery_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"postroom/delivery/dsn"
	"postroom/internal/mail"
)

func TestSubmissionIsCompleted(t *testing.T) {
	h := newHouse(t, nil)
	e := envelope("alice@example.test", "bob@example.test", "x@out.test")
	h.mustSend(h.submission(), e, "From: Alice <alice@example.test>\r\nBcc: secret@out.test,\r\n other@out.test\r\nTo: bob@example.test\r\nbcc : more@out.test\r\n\r\nBcc: stays\r\n")
	got := h.filed(h.bob)[0]
	if got.octets != "From: Alice <alice@example.test>\r\nTo: bob@example.test\r\n\r\nBcc: stays\r\n" {
		t.Errorf("octets %q", got.octets)
	}
	if !regexp.MustCompile(`\r\nReceived: from laptop .*\r\n.* with ESMTPSA (?s:.*)\r\nMessage-ID: <[0-9a-z.]+@mx.example.test>\r\nDate: Sun, 1 Mar 2026 09:30:00 \+0000\r\n$`).MatchString(got.prefix) {
		t.Errorf("prefix %q", got.prefix)
	}
	if !strings.Contains(string(got.envelope), "Sun, 1 Mar 2026 09:30:00 +0000") || !strings.Contains(string(got.envelope), "@mx.example.test>") {
		t.Errorf("the envelope lacks what was added: %s", got.envelope)
	}
	q := h.queued()
	if len(q) != 1 || q[0].Message.Account != h.alice || !strings.HasPrefix(string(q[0].Message.Prefix), "Received: ") || !strings.Contains(string(q[0].Message.Prefix), "\r\nDate: ") {
		t.Errorf("%+v", q)
	}
	if q[0].Message.Size != int64(len(q[0].Message.Prefix)+len(got.octets)) {
		t.Errorf("size %d", q[0].Message.Size)
	}
	h.mustSend(h.submission(), envelope("alice@example.test", "bob@example.test"), "Date: yesterday\r\nMessage-ID: <mine@x>\r\nFrom: alice@example.test\r\n\r\n")
	if p := h.filed(h.bob)[1].prefix; strings.Contains(p, "\r\nDate:") || strings.Contains(p, "Message-ID:") {
		t.Errorf("added to a whole header: %q", p)
	}
}

func TestOneSendsOnlyAsOneself(t *testing.T) {
	h := newHouse(t, nil)
	if err := h.store.SetAlias(t.Context(), "test", mail.Alias{Local: "sales", Domain: "example.test", Targets: []mail.Address{addr("alice@example.test")}}, false); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"bob@example.test", "nobody@example.test", "alice@out.test", "postmaster@example.test"} {
		if err := h.CheckSender(t.Context(), h.submission(), envelope(from)); !mail.Is(err, mail.CodeSenderDenied) {
			t.Errorf("reverse-path %s: %v", from, err)
		}
		if _, err := h.Begin(t.Context(), h.submission(), envelope(from, "bob@example.test")); !mail.Is(err, mail.CodeSenderDenied) {
			t.Errorf("begun with reverse-path %s: %v", from, err)
		}
	}
	for header, want := range map[string]mail.Code{
		"From: bob@example.test\r\n":                                        mail.CodeSenderDenied,
		"From: \"alice@example.test\" <bob@example.test>\r\n":               mail.CodeSenderDenied,
		"From: alice@example.test, bob@example.test\r\n":                    mail.CodeSenderDenied,
		"From: alice@example.test\r\nSender: bob@example.test\r\n":          mail.CodeSenderDenied,
		"From: alice@example.test\r\nFrom: bob@example.test\r\n":            mail.CodeBadMessage,
		"From: alice@example.test\r\nfrom : alice@example.test\r\n":         mail.CodeBadMessage,
		"Subject: no from\r\n":                                              mail.CodeBadMessage,
		"From: \r\n":                                                        mail.CodeBadMessage,
		strings.Repeat("X: y\r\n", 50_000) + "From: alice@example.test\r\n": mail.CodeBadMessage,
	} {
		if _, err := h.send(h.submission(), envelope("alice@example.test", "bob@example.test"), header+"\r\nHi.\r\n"); !mail.Is(err, want) {
			t.Errorf("%.60q: %v", header, err)
		}
	}
	for _, from := range []string{"alice@example.test", "Alice@EXAMPLE.test", "alice+tag@example.test", "sales@example.test"} {
		if _, err := h.send(h.submission(), envelope(strings.ToLower(from), "bob@example.test"), "From: Me <"+from+">\r\nSubject: "+from+"\r\n\r\n"); err != nil {
			t.Errorf("as %s: %v", from, err)
		}
	}
	if _, err := h.send(h.submission(), envelope("", "bob@example.test"), "From: alice@example.test\r\n\r\nreceipt\r\n"); err != nil {
		t.Errorf("null reverse-path: %v", err)
	}
	if n := h.count(`SELECT count(*) FROM messages`); n != 5 {
		t.Errorf("%d messages filed", n)
	}
}

func TestSignedByBothKeys(t *testing.T) {
	keys := newKeys(t)
	h := newHouse(t, keys)
	for i, octets := range []string{
		"From: Alice <alice@example.test>\r\nTo: x@out.test\r\nSubject: =?utf-8?q?h=C3=A4?=\r\n\r\nHi.\r\n\r\n.\r\n  spaces  here \r\n\r\n\r\n",
		"From: alice@example.test\r\nSubject: header only\r\n",
		"From: alice@example.test\r\nTo: a@b,\r\n\tc@d\r\n\r\n" + strings.Repeat("long body\r\n", 20_000),
	} {
		h.mustSend(h.submission(), envelope("alice@example.test", "bob@example.test"), octets)
		got := h.filed(h.bob)[i]
		whole := got.prefix + got.octets
		if !strings.Contains(whole, "\r\n\r\n") {
			whole += "\r\n"
		}
		for _, tampered := range []bool{false, true} {
			if tampered { // oversigned: a second From breaks the signature
				whole = "From: evil@out.test\r\n" + whole
			}
			v, err := dkim.VerifyWithOptions(strings.NewReader(whole), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
				if txt, ok := keys.txt[name]; ok {
					return []string{txt}, nil
				}
				return nil, errors.New("no such name")
			}})
			if err != nil || len(v) != 2 {
				t.Fatalf("message %d: %v, %d signatures", i, err, len(v))
			}
			for _, s := range v {
				if (s.Err != nil) != tampered || s.Domain != "example.test" {
					t.Errorf("message %d, tampered %v: %+v", i, tampered, s)
				}
			}
		}
	}
	h.mustSend(mx(), envelope("alice@example.test", "bob@example.test"), "From: alice@example.test\r\n\r\n")
	if p := h.filed(h.bob)[3].prefix; strings.Contains(p, "DKIM-Signature") {
		t.Error("mail from outside was signed")
	}
}

func TestInternationalized(t *testing.T) {
	h := newHouse(t, nil)
	e := envelope("alice@example.test", "用户@xn--bcher-kva.test")
	e.UTF8, e.Body8Bit = true, true
	h.mustSend(h.submission(), e, "From: alice@example.test\r\nSubject: plain\r\n\r\nGrüße\r\n")
	e.Recipients = envelope("", "x@out.test").Recipients
	h.mustSend(h.submission(), e, "From: alice@example.test\r\nSubject: Grüße\r\n\r\nplain\r\n")
	q := h.queued()
	if len(q) != 2 {
		t.Fatal(q)
	}
	for _, m := range q {
		header := m.Entries[0].Domain == "out.test"
		// The first needs SMTPUTF8 for its recipient only, the second for its header.
		if !m.Message.Body8Bit || m.Message.UTF8 != header || !header && strings.Contains(string(m.Message.Prefix), "for <") {
			t.Errorf("header %v: %+v", header, m.Message)
		}
	}
}

func TestReportIsRouted(t *testing.T) {
	h := newHouse(t, nil)
	for to, want := range map[string]string{"alice@example.test": "local", "carol@out.test": "relay", "nobody@example.test": "none", "": "none"} {
		r := &dsn.Report{Kind: mail.DSNFailure, Hostname: "mx.example.test", Date: h.clock(), Original: 5, Header: []byte("A: b\r\n")}
		if to != "" {
			r.To = addr(to)
		}
		d, discard, err := h.Report(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case want == "none" && d != nil, want == "local" && (len(d.Locals) != 1 || len(d.Relay) != 0), want == "relay" && (len(d.Relay) != 1 || !d.Outbound.From.IsNull()):
			t.Errorf("%q: %+v", to, d)
		}
		if d != nil {
			if _, err := h.store.Deliver(t.Context(), d); err != nil {
				t.Errorf("%q: %v", to, err)
			}
		}
		discard()
	}
}

func TestAcceptTakesAReader(t *testing.T) {
	h := newHouse(t, nil)
	s := &mail.Session{Role: mail.RoleMX}
	if _, err := h.Accept(t.Context(), s, envelope("", "bob@example.test"), strings.NewReader(hello)); err != nil {
		t.Fatal(err)
	}
	if got := h.filed(h.bob)[0]; got.octets != hello || !strings.Contains(got.prefix, "Received: from unknown\r\n\tby ") {
		t.Errorf("%q", got)
	}
	if _, err := h.Accept(t.Context(), s, envelope("", "x@out.test"), strings.NewReader(hello)); !mail.Is(err, mail.CodeRelayDenied) {
		t.Errorf("relay: %v", err)
	}
}
