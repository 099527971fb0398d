package bounce

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postroom/internal/mail"
	"postroom/internal/message"
)

// dir is a folder of real messages, for the cases that begin with "messages-".
var dir = os.Getenv("POSTROOM_TEST_MAIL")

// cases says what a person reads in each message: the kind, what the mail is
// known by, and of each recipient kind, action, address (and what became of
// it), code, status, host and text.
var cases = map[string]string{
	"dsn-mixed": `hard <m1@us.test> env 00000g0000000 queue 00000g0000001
hard failed sales@peer.test > bob@inner.peer.test 550 5.1.1 inner.peer.test (192.0.2.1) | 550 5.1.1 <bob@inner.peer.test>: unknown here
soft failed full@peer.test 552 5.2.2 | 552 5.2.2 over quota
delay delayed slow@peer.test 4.4.1 |
success relayed far@peer.test 2.0.0 |
success expanded list@peer.test 2.0.0 |
success delivered near@peer.test 250 2.0.0 | 250 2.0.0 OK id=1abc
hard failed nobody 5.1.3 |`,
	"dsn-utf8": `hard <m2@us.test>
hard failed käthe@xn--bcher-kva.example > käthe+😀@xn--bcher-kva.example 550 5.1.1 | 550 5.1.1 Empfänger unbekannt – schade
hard failed nobody 5.1.1 |`,
	"dsn-encoded-group": "hard <m3@us.test>\nhard failed bob@peer.test 550 5.1.1 | 550 5.1.1 user unknown",
	"dsn-blank-lines":   "hard\nhard failed bob@peer.test 550 5.5.0 | 550 Requested action not taken",
	"dsn-one-group":     "hard <m4@us.test>\nhard failed bob@peer.test 500 5.0.0 | 500 (no-such-user)",
	"dsn-exim":          "hard <m5@us.test>\nhard failed bob@peer.test 5.0.0 | Unknown user",
	"dsn-nobody":        "soft env e1",
	"receipt":           "receipt <m6@us.test>\nreceipt displayed sales@peer.test > bob@peer.test |",
	"qmail": `hard <m7@us.test> queue 00000g0000002
hard failed bob@peer.test 5.1.1 | Sorry, no mailbox here by that name. (#5.1.1) <bob@peer.test>: not here
soft failed carol@other.test 552 | 192.0.2.25 does not like recipient. Remote host said: 552 mailbox is full Giving up on 192.0.2.25.`,
	"postfix-plain": `hard
hard failed bob@peer.test 550 5.1.1 inner.peer.test | host inner.peer.test[192.0.2.1] said: 550 5.1.1 <bob@peer.test>: Recipient address rejected: User unknown (in reply to RCPT TO command)
soft failed carol@peer.test 554 5.7.1 inner.peer.test | host inner.peer.test[192.0.2.1] said: 554 5.7.1 <carol@peer.test>: Relay access denied (in reply to RCPT TO command)
hard failed dan@gone.test | Host or domain name not found. Name service error for name=gone.test type=A: Host not found`,
	"postfix-delay": "delay\ndelay delayed bob@peer.test | connect to inner.peer.test[192.0.2.1]:25: Connection timed out",
	"exim-plain": `hard <m8@us.test>
hard failed bob@peer.test 550 5.1.1 inner.peer.test | SMTP error from remote mail server after RCPT TO:<bob@peer.test>: host inner.peer.test [192.0.2.1]: 550 5.1.1 no such user
hard failed carol@other.test | Unrouteable address`,
	"exim-delay":          "delay\ndelay delayed bob@peer.test | Delay reason: connection refused No action is required on your part. Delivery attempts will continue for some time, and this warning may be repeated at intervals.",
	"exim-other-language": "soft\nsoft failed bob@peer.test 550 5.7.26 | Ihre Nachricht konnte nicht zugestellt werden: 550 5.7.26 nicht authentisiert",
	"gmail-old":           "hard <m9@us.test> queue 00000g0000003\nhard failed bob@peer.test 550 5.1.1 | Technical details of permanent failure: The recipient server did not accept our requests. The error that the other server returned was: 550 550 5.1.1 The account does not exist (state 14).",
	"yahoo":               "hard <m10@us.test>\nhard failed bob@peer.test 554 | 554: delivery error: dd This user doesn't have a peer.test account (bob@peer.test) [0] - mta1.peer.test",
	"exchange-5":          "hard\nhard failed bob@peer.test 5.1.1 | The recipient name is not recognized <server.peer.test #5.1.1>",
	"exchange-2000":       "hard\nhard failed bob@peer.test 5.1.1 | The e-mail account does not exist at the organization this message was sent to. <server.peer.test #5.1.1>",
	"exchange-2007": `hard <m12@us.test>
hard failed bob@peer.test 550 5.1.10 | inner.peer.test Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found'
soft failed carol@peer.test 554 5.2.2 | Remote Server returned '554 5.2.2 mailbox full; STOREDRV.Deliver'`,
	"exchange-delay":     "delay\ndelay delayed bob@peer.test | Subject: hello This message hasn't been delivered yet.",
	"domino":             "hard\nhard failed bob@peer.test | User bob (bob@peer.test) not listed in Domino Directory",
	"sendmail":           "hard <m13@us.test>\nhard failed bob@peer.test 550 5.1.1 inner.peer.test | (reason: 550 5.1.1 <bob@peer.test>... User unknown) ----- Transcript of session follows ----- ... while talking to inner.peer.test.: >>> RCPT To:<bob@peer.test> <<< 550 5.1.1 <bob@peer.test>... User unknown",
	"sendmail-delay":     "delay\ndelay delayed bob@peer.test | ----- Transcript of session follows ----- <bob@peer.test>... Deferred: Connection timed out with inner.peer.test. Will keep trying until message is 5 days old",
	"iis":                "soft\nsoft failed bob@peer.test |\nsoft failed carol@peer.test |",
	"autoreply":          "auto-reply <m14@us.test>\nauto-reply  bob@peer.test |",
	"autoreply-exchange": "auto-reply <m15@us.test>\nauto-reply  bob@peer.test |",
	"autoreply-old":      "auto-reply\nauto-reply  bob@peer.test |",
	"none-person":        "nothing", "none-forwarded": "nothing", "none-notification": "nothing",
	"none-notified": "nothing", "none-postmaster": "nothing", "none-feedback": "nothing",

	"messages-bounce.txt":                               "hard <44565655.JitbitHelpdesk.13439.691a0afc-a0a0-457c-8208-f20b7c4a4cb1@jitbit.com>\nhard failed netec.test@netecgc.com 550 5.1.1 | 550 5.1.1 <netec.test@netecgc.com>: Recipient address rejected: User unknown",
	"messages-delivery-status-multiple-blank-lines.txt": "hard\nhard failed orig_recip@customer.com 550 5.5.0 | 550 Requested action not taken",
	"messages-delivery-status-no-blank-line.txt":        "hard <31FC7EB4.41C6@netscape.com>\nhard failed newsletter-request@imusic.com 500 | 500 (err.nosuchuser)",
	"messages-delivery-status.txt":                      "hard <31FC7EB4.41C6@netscape.com>\nhard failed newsletter-request@imusic.com 500 | 500 (err.nosuchuser)",
	"messages-delivery-status2.txt":                     "hard\nhard failed source@domain.com 5.0.0 | Unknown user",
	"messages-disposition-notification.txt":             "receipt <199509192301.23456@example.org>\nreceipt displayed Joe_Recipient@example.com |",
	"messages-feedback-report.txt":                      "nothing",
}

func TestRead(t *testing.T) {
	for name, want := range cases {
		path := filepath.Join("testdata", name+".eml")
		if strings.HasPrefix(name, "messages-") {
			if path = filepath.Join(dir, name); dir == "" {
				continue
			}
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range [][]byte{b, bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))} {
			if got := show(read(t, b)); got != want {
				t.Errorf("%s:\n got %s\nwant %s", name, got, want)
			}
		}
	}
}

func TestEverySampleHasACase(t *testing.T) {
	files, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".eml"); cases[name] == "" {
			t.Errorf("nobody says what %s reports", f)
		}
	}
}

func read(t testing.TB, b []byte) *Report {
	t.Helper()
	p := message.NewParser(nil)
	p.Write(b)
	parts, err := message.DecodeParts(p.Finish().Parts)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Read(bytes.NewReader(b), parts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func show(r *Report) string {
	if r == nil {
		return "nothing"
	}
	s := r.Kind.String()
	if r.MessageID != "" {
		s += " " + r.MessageID
	}
	if r.EnvID != "" {
		s += " env " + r.EnvID
	}
	for _, q := range r.Traces {
		s += " queue " + q.String()
	}
	for _, rc := range r.Recipients {
		s += "\n" + showRecipient(rc)
	}
	return s
}

func showRecipient(rc Recipient) string {
	s := fmt.Sprintf("%s %s %s", rc.Kind, rc.Action, rc.Address)
	if rc.Address == (mail.Address{}) {
		s += "nobody"
	}
	if rc.Final != rc.Address {
		s += " > " + rc.Final.String()
	}
	if rc.Reply.Code != 0 {
		s += fmt.Sprint(" ", rc.Reply.Code)
	}
	for _, part := range []string{rc.Reply.Status, rc.Reply.Remote, "|", rc.Reply.Text} {
		if part != "" {
			s += " " + part
		}
	}
	return s
}
