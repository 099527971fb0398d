package bounce

import (
	"strings"

	"postroom/internal/message"
	"postroom/internal/report"
)

// readReceipt reads a disposition notification (RFC 8098 §3.1).
func readReceipt(m *report.Message) (*Report, error) {
	p := m.Part("disposition-notification", "global-disposition-notification")
	if p == nil {
		return nil, nil
	}
	content, err := m.Content(p)
	if err != nil {
		return nil, err
	}
	group := skipBlank(content)
	rc := Recipient{Kind: Receipt, Address: typedAddress(report.Field(group, "Original-Recipient")), Final: typedAddress(report.Field(group, "Final-Recipient"))}
	if rc.Address.IsNull() {
		rc.Address = rc.Final
	}
	// disposition-mode ";" disposition-type [ "/" modifiers ]
	_, disposition, _ := strings.Cut(string(report.Field(group, "Disposition")), ";")
	disposition, _, _ = strings.Cut(disposition, "/")
	rc.Action = report.Clean([]byte(strings.ToLower(strings.TrimSpace(disposition))), 32)
	r := &Report{Recipients: []Recipient{rc}}
	r.MessageID = message.ParseMessageID(report.Field(group, "Original-Message-ID"))
	return r, nil
}
