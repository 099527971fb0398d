package imapd

import "testing"

func TestMessageURLs(t *testing.T) {
	for in, want := range map[string]messageURL{
		"/INBOX/;UID=7":                        {mailbox: "INBOX", uid: 7},
		"/inbox;uidvalidity=9/;uid=7":          {mailbox: "INBOX", validity: 9, uid: 7},
		"/a/b%20c%2Fd/;UID=4294967295":         {mailbox: "a/b c/d", uid: 4294967295},
		"/a/./x/../b/;UID=1":                   {mailbox: "a/b", uid: 1},
		"/%E2%82%AC%3B/;UID=1":                 {mailbox: "€;", uid: 1},
		"/e%CC%81/;UID=1":                      {mailbox: "é", uid: 1}, // NFC
		"/x&AOQ-/;UID=1":                       {mailbox: "x&AOQ-", uid: 1},
		"/x/;UID=1/;SECTION=1.2.HEADER":        {mailbox: "x", uid: 1, section: &section{path: []int{1, 2}, text: "HEADER"}},
		"/x/;UID=1/;PARTIAL=5":                 {mailbox: "x", uid: 1, section: &section{partial: true, offset: 5, count: 1 << 62}},
		"/x/;UID=1/;SECTION=1/;PARTIAL=5.6":    {mailbox: "x", uid: 1, section: &section{path: []int{1}, partial: true, offset: 5, count: 6}},
		"/x/;UID=1/;SECTION=TEXT/;PARTIAL=0.1": {mailbox: "x", uid: 1, section: &section{text: "TEXT", partial: true, count: 1}},
	} {
		got, ok := parseMessageURL(in)
		if !ok {
			t.Errorf("%s is refused", in)
			continue
		}
		if want.section == nil {
			want.section = &section{}
		}
		if got.mailbox != want.mailbox || got.validity != want.validity || got.uid != want.uid ||
			got.section.prefix() != want.section.prefix() || got.section.partial != want.section.partial ||
			got.section.offset != want.section.offset || got.section.count != want.section.count {
			t.Errorf("%s: %+v, section %+v", in, got, got.section)
		}
	}
	for _, in := range []string{"", "/", "INBOX/;UID=1", ";UID=1", "//host/INBOX/;UID=1", "imap://host/INBOX/;UID=1", "/INBOX", "/;UID=1",
		"/INBOX/;UID=0", "/INBOX/;UID=4294967296", "/INBOX/;UID=*", "/INBOX/;UID=1:2", "/INBOX;UIDVALIDITY=0/;UID=1", "/INBOX/;UID=1?ALL",
		"/INBOX/;UID=1?", "/INBOX/;UID=1#x", "/INBOX/;UID=1/;SECTION=", "/INBOX/;UID=1/;SECTION=BOGUS", "/INBOX/;UID=1/;SECTION=1.",
		"/INBOX/;UID=1/;SECTION=MIME", "/INBOX/;UID=1/;SECTION=1%5D", "/INBOX/;UID=1/;PARTIAL=1.0", "/INBOX/;UID=1/;PARTIAL=x",
		"/INBOX/;UID=1/;PARTIAL=99999999999999999999", "/%FF/;UID=1", "/%zz/;UID=1", "/IN\x00BOX/;UID=1", "/INBOX/;UID=1/;URLAUTH=anonymous",
		"/INBOX/;UID=1/;PARTIAL=1/;SECTION=1", "/INBOX/;UID=1/"} {
		if got, ok := parseMessageURL(in); ok {
			t.Errorf("%q gives %+v", in, got)
		}
	}
}
