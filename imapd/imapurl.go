package imapd

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// messageURL names a message, or a part of it.
type messageURL struct {
	mailbox  string
	validity uint32 // 0: not said
	uid      mail.UID
	section  *section
}

// imapBase is what references are resolved against: all that matters of it is
// that it is another server than any reference with a host can name.
var imapBase = &url.URL{Scheme: "imap", Host: "this.invalid", Path: "/"}

// messagePath is imessagepart of RFC 5092 §11, percent-encoded; ";" occurs in
// none of its values.
var messagePath = regexp.MustCompile(`(?i)^/([^/;][^;]*?)(?:;UIDVALIDITY=([0-9]+))?/;UID=([0-9]+)` +
	`(?:/;SECTION=([^;]+))?(?:/;PARTIAL=([0-9]+)(?:\.([0-9]+))?)?$`)

// parseMessageURL reads
//
//	iabsolute-path = "/" [ icommand ]                                 ; RFC 5092 §11
//	imessagepart   = enc-mailbox [uidvalidity] iuid [isection] [ipartial]
//
// A reference without the leading "/" must not be accepted (§7.2), and one
// with a server names nothing of this session (RFC 4469 §3).
func parseMessageURL(text string) (m messageURL, ok bool) {
	if !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") {
		return m, false
	}
	u, err := imapBase.Parse(text)
	if err != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#") {
		return m, false
	}
	f := messagePath.FindStringSubmatch(u.EscapedPath())
	if f == nil {
		return m, false
	}
	var valid [4]bool
	m.mailbox, valid[0] = urlMailbox(f[1])
	m.validity, valid[1] = nzNumber(f[2], f[2] == "")
	uid, found := nzNumber(f[3], false)
	m.uid, valid[2] = mail.UID(uid), found
	m.section, valid[3] = urlSection(f[4], f[5], f[6])
	return m, valid == [4]bool{true, true, true, true}
}

// urlMailbox: names are UTF-8 in URLs, not modified UTF-7 (RFC 5092 §8).
func urlMailbox(encoded string) (string, bool) {
	name, err := url.PathUnescape(encoded)
	return canonicalInbox(norm.NFC.String(name)), err == nil && utf8.ValidString(name)
}

func nzNumber(digits string, missing bool) (uint32, bool) {
	if missing {
		return 0, true
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), err == nil && n > 0
}

// urlSection gives what BODY.PEEK[section]<partial> names (RFC 5092 §6); a
// range without a length goes to the end.
func urlSection(encoded, offset, count string) (*section, bool) {
	spec, err := url.PathUnescape(encoded)
	if err != nil {
		return nil, false
	}
	d := wire.NewDecoder([]byte("["+spec+"]"), nil)
	sec := parseSection(d, false)
	if d.End(); d.Err() != nil {
		return nil, false
	}
	if offset == "" {
		return sec, true
	}
	sec.partial, sec.count = true, 1<<62
	sec.offset, err = strconv.ParseInt(offset, 10, 63)
	if err == nil && count != "" {
		sec.count, err = strconv.ParseInt(count, 10, 63)
	}
	return sec, err == nil && sec.count > 0
}
