package bounce

import (
	"strings"

	"postroom/internal/message"
	"postroom/internal/report"
)

// readAutoReply recognises an automatic reply: Auto-Submitted of RFC 3834 §5
// says "auto-replied", or says that the message is automatic while it refers to
// another (as Exchange's absence notes do); or it has one of the fields that
// responders older than that write.
func readAutoReply(m *report.Message) (*Report, error) {
	if !isAutoReply(m.Header) {
		return nil, nil
	}
	r := &Report{Recipients: []Recipient{{Kind: AutoReply}}}
	if from, err := message.FromAddresses(m.Header); err == nil {
		r.Recipients[0].Address, r.Recipients[0].Final = from[0], from[0]
	}
	return r, nil
}

func isAutoReply(header []byte) bool {
	switch autoSubmitted(header) {
	case "auto-replied":
		return true
	case "auto-generated":
		return message.HasField(header, "In-Reply-To") || message.HasField(header, "References")
	case "":
	default: // "no"; and what is automatic, but no reply: RFC 5436 §2.7.1
		return false
	}
	for _, name := range []string{"X-Autoreply", "X-Autorespond", "X-Autoreply-From", "X-Mail-Autoreply"} {
		if v := report.Field(header, name); v != nil && !strings.EqualFold(string(v), "no") {
			return true
		}
	}
	return strings.EqualFold(string(report.Field(header, "Precedence")), "auto_reply")
}

// autoSubmitted gives the keyword of the Auto-Submitted field in lower case,
// without comments and parameters (RFC 3834 §5); "" when there is none.
func autoSubmitted(header []byte) string {
	v := strings.ToLower(string(report.Field(header, "Auto-Submitted")))
	for strings.HasPrefix(v, "(") {
		_, v, _ = strings.Cut(v, ")")
		v = strings.TrimSpace(v)
	}
	v, _, _ = strings.Cut(v, ";")
	v, _, _ = strings.Cut(v, "(")
	return strings.TrimSpace(v)
}
