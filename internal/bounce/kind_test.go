package bounce

import (
	"testing"

	"postroom/internal/mail"
)

func TestKindOf(t *testing.T) {
	for _, tc := range []struct {
		action, said string // said: status as in the Status field, then "|", then the diagnostic
		want         Kind
	}{
		{"delayed", "4.4.1|connection timed out", Delay}, {"delayed", "5.1.1|", Delay}, {"relayed", "2.0.0|", Success},
		// RFC 3463 §3.2: the address itself.
		{"failed", "5.1.1|", Hard}, {"failed", "5.1.2|", Hard}, {"failed", "5.1.3|", Hard}, {"failed", "5.1.6|", Hard},
		{"failed", "5.1.10|", Hard}, {"failed", "5.1.0|", Hard}, {"failed", "5.1.0|blocked by policy", Soft},
		{"failed", "5.1.7|", Soft}, {"failed", "5.1.8|", Soft},
		// §3.3: the mailbox.
		{"failed", "5.2.1|", Hard}, {"failed", "5.2.2|", Soft}, {"failed", "5.2.3|", Soft}, {"failed", "5.2.4|", Soft},
		{"failed", "5.2.0|550 5.2.0 rejected due to DMARC", Soft}, {"failed", "5.2.0|no such user", Hard},
		// §3.4 to §3.8: servers, network, protocol, content, policy.
		{"failed", "5.3.4|message too large", Soft}, {"failed", "5.3.0|user unknown", Hard}, {"failed", "5.4.4|", Hard},
		{"failed", "5.4.310|DNS domain does not exist", Hard}, {"failed", "5.4.6|routing loop", Soft}, {"failed", "5.4.7|", Soft},
		{"failed", "5.4.1|550 5.4.1 Recipient address rejected: Access denied.", Hard}, {"failed", "5.4.1|no answer", Soft},
		{"failed", "5.5.2|", Soft}, {"failed", "5.5.0|", Hard}, {"failed", "5.5.0|mailbox unavailable", Hard}, {"failed", "5.5.0|554 spam", Soft},
		{"failed", "5.6.7|", Soft}, {"failed", "5.7.1|", Soft}, {"failed", "5.7.1|550 5.7.1 user unknown", Soft}, {"failed", "5.7.26|", Soft},
		// Temporary failures that were given up.
		{"failed", "4.4.7|", Soft}, {"failed", "4.1.1|", Soft}, {"failed", "|450 mailbox busy", Soft}, {"failed", "2.0.0|250 received", Soft},
		// Codes and words alone.
		{"failed", "|550 go away", Hard}, {"failed", "|554 go away", Soft}, {"failed", "|552 go away", Soft}, {"failed", "|554 no such user", Hard},
		{"failed", "|550 listed at a DNSBL", Soft}, {"failed", "|mailbox full", Soft}, {"failed", "|unknown user", Hard}, {"failed", "|", Soft},
		{"failed", "|no such user, or his mailbox is full", Soft}, {"failed", "5.0.0|", Hard},
		// The diagnostic knows more than a vague status, and not more than a clear one.
		{"failed", "5.0.0|550 5.2.2 x", Soft}, {"failed", "5.0.0|550 5.1.1 x", Hard}, {"failed", "5.2.2|550 5.1.1 x", Soft},
		{"unheard-of", "5.1.1|", Hard}, {"", "5.1.1|", Hard}, {"", "2.1.5|", Success}, {"", "4.2.2|", Soft},
	} {
		status, diagnostic, _ := cut(tc.said)
		group := "Final-Recipient: rfc822; bob@peer.test\nStatus: " + status + "\nDiagnostic-Code: smtp; " + diagnostic + "\n"
		if tc.action != "" {
			group += "Action: " + tc.action + "\n"
		}
		rc, ok := recipientOf([]byte(group))
		if !ok || rc.Kind != tc.want {
			t.Errorf("%s %q is %v (%+v), not %v", tc.action, tc.said, rc.Kind, rc.Reply, tc.want)
		}
	}
}

func cut(s string) (before, after string, found bool) {
	for i := range s {
		if s[i] == '|' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func TestReplyOf(t *testing.T) {
	for in, want := range map[string]mail.RemoteReply{
		"550 5.1.1 no": {Code: 550, Status: "5.1.1"},
		"550-5.1.1 no": {Code: 550, Status: "5.1.1"},
		"250 2.1.5 ok": {Code: 250, Status: "2.1.5"},
		"host mx.peer.test [250.1.1.1] said: 451 x":                          {Code: 451, Remote: "mx.peer.test"},
		"host mx.peer.test[4.1.1.5]: 550-x":                                  {Code: 550, Remote: "mx.peer.test"},
		"<srv.test #5.1.1 smtp;550 no such>":                                 {Code: 550, Status: "5.1.1"},
		"Remote Server at mx.peer.test (192.0.2.1) returned '450 4.7.320 x'": {Code: 450, Status: "4.7.320", Remote: "mx.peer.test"},
		"while talking to mx.peer.test.:":                                    {Remote: "mx.peer.test"},
		"after 5 days, 5501 tries, at 5.1.1.1":                               {},
		"version 5.10.3, 5.8.1, 15.1.1, 5.1.1234":                            {},
		"5.1":                                    {},
		"localhost or host name not found 555.1": {},
		"":                                       {},
	} {
		want.Text = in
		if got := replyOf([]byte(in)); got != want {
			t.Errorf("%q: %+v", in, got)
		}
	}
}

func TestTypedAddress(t *testing.T) {
	for in, want := range map[string]string{
		"rfc822; bob@peer.test": "bob@peer.test", "RFC822;<bob@peer.test>": "bob@peer.test", "bob@peer.test": "bob@peer.test",
		"rfc822; bob": "", "x400; /g=bob/": "", "unknown;": "", "": "", "rfc822; bob@peer.test, eve@peer.test": "",
		`utf-8; k\x{E4}the@peer.test`: "käthe@peer.test", `utf-8; käthe@b\x{FC}cher.example`: "käthe@xn--bcher-kva.example",
		`utf-8; a\x{2B}b@peer.test`: "a+b@peer.test", `utf-8; a\x{D800}b@peer.test`: "", `utf-8; a\x{0A}b@peer.test`: "",
		`utf-8; a\x{@peer.test`: "", `utf-8; a\x{1234567}b@peer.test`: "", `rfc822; a\x{2B}b@peer.test`: "",
		"rfc822; bob@[192.0.2.1]": "bob@[192.0.2.1]",
	} {
		if got := typedAddress([]byte(in)); got.String() != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}
