package bounce

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"postroom/internal/address"
	"postroom/internal/mail"
	"postroom/internal/message"
	"postroom/internal/report"
)

// readDSN reads a delivery status notification. What its part for programs
// leaves out is taken from the part for people, where that has a form we know.
func readDSN(m *report.Message) (*Report, error) {
	p := m.Part("delivery-status", "global-delivery-status")
	if p == nil {
		return nil, nil
	}
	content, err := m.Content(p)
	if err != nil {
		return nil, err
	}
	r := &Report{}
	r.status(content)
	if len(r.Recipients) > 0 && !slices.ContainsFunc(r.Recipients, func(rc Recipient) bool { return rc.Reply.Text == "" }) {
		return r, nil
	}
	text, err := m.Text()
	if err != nil {
		return nil, err
	}
	r.fillFrom(readText(string(text)))
	return r, nil
}

// status reads the groups of fields of RFC 3464 §2.1. Any group that names a
// recipient or a status is one of a recipient, since some reporters leave the
// empty line after the per-message fields out.
func (r *Report) status(b []byte) {
	mayDecode := true // once
	for {
		b = skipBlank(b)
		if len(b) == 0 || len(r.Recipients) == maxRecipients {
			return
		}
		group := fields(&b)
		if id := report.Field(group, "Original-Envelope-Id"); id != nil && r.EnvID == "" {
			r.EnvID = report.Clean(id, maxEnvID)
		}
		if rc, ok := recipientOf(group); ok {
			r.Recipients = append(r.Recipients, rc)
		}
		// Gateways that rewrite links encode the recipients' groups and say so
		// in the group before.
		if enc := string(report.Field(group, "Content-Transfer-Encoding")); mayDecode && (strings.EqualFold(enc, "base64") || strings.EqualFold(enc, "quoted-printable")) {
			b, mayDecode = decode(b, enc), false
		}
	}
}

func decode(b []byte, encoding string) []byte {
	d, err := message.DecodeBody(bytes.NewReader(b), encoding, "")
	if err != nil {
		return b
	}
	out, _ := io.ReadAll(io.LimitReader(d, report.MaxPart)) // reads memory: no error
	return out
}

// skipBlank goes to the next line that is not empty.
func skipBlank(b []byte) []byte {
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		if len(bytes.TrimSpace(line)) > 0 {
			return b
		}
		b = rest
	}
	return nil
}

// fields takes the lines up to the next empty one off b.
func fields(b *[]byte) []byte {
	n := 0
	for n < len(*b) {
		line, _, more := bytes.Cut((*b)[n:], []byte("\n"))
		if len(bytes.TrimSpace(line)) == 0 {
			break
		}
		if n += len(line); more {
			n++
		}
	}
	group := (*b)[:n]
	*b = (*b)[n:]
	return group
}

// recipientOf reads the per-recipient fields (RFC 3464 §2.3).
func recipientOf(group []byte) (Recipient, bool) {
	final, original := report.Field(group, "Final-Recipient"), report.Field(group, "Original-Recipient")
	status := report.Field(group, "Status")
	if final == nil && original == nil && status == nil {
		return Recipient{}, false
	}
	rc := Recipient{Address: typedAddress(original), Final: typedAddress(final)}
	if rc.Address.IsNull() {
		rc.Address = rc.Final
	}
	if rc.Final.IsNull() {
		rc.Final = rc.Address
	}
	action, _, _ := strings.Cut(string(report.Field(group, "Action")), " ")
	rc.Action = report.Clean([]byte(strings.ToLower(action)), 32)
	rc.Reply = replyOf(afterType(report.Field(group, "Diagnostic-Code")))
	if s := statusIn(string(status)); s != "" && (rc.Reply.Status == "" || !vague(s)) {
		rc.Reply.Status = s
	}
	if host := report.Clean(afterType(report.Field(group, "Remote-MTA")), maxHost); isHost(host) {
		rc.Reply.Remote = host
	}
	rc.settle()
	return rc, true
}

// settle fills in a missing action, which RFC 3464 §2.3.3 requires and some
// leave out, and the kind.
func (rc *Recipient) settle() {
	if rc.Action == "" {
		rc.Action = "failed"
		if strings.HasPrefix(rc.Reply.Status, "2") {
			rc.Action = "delivered"
		}
	}
	rc.Kind = kindOf(rc.Action, rc.Reply)
}

// fillFrom completes recipients that have no text from those of a free form.
func (r *Report) fillFrom(free *Report) {
	if free == nil {
		return
	}
	if len(r.Recipients) == 0 {
		r.Recipients = free.Recipients
		return
	}
	said := map[mail.Address]mail.RemoteReply{}
	for _, f := range free.Recipients {
		said[key(f.Address)] = f.Reply
	}
	for i := range r.Recipients {
		rc := &r.Recipients[i]
		for _, a := range []mail.Address{rc.Final, rc.Address} {
			if reply, ok := said[key(a)]; ok && rc.Reply.Text == "" {
				rc.fill(reply)
			}
		}
	}
}

// key folds an address as address.Same compares it.
func key(a mail.Address) mail.Address {
	return mail.Address{Local: address.Key(a.Local), Domain: a.Domain}
}

func (rc *Recipient) fill(from mail.RemoteReply) {
	rc.Reply.Text = from.Text
	if rc.Reply.Code == 0 {
		rc.Reply.Code = from.Code
	}
	if vague(rc.Reply.Status) && from.Status != "" {
		rc.Reply.Status = from.Status
	}
	if rc.Reply.Remote == "" {
		rc.Reply.Remote = from.Remote
	}
	rc.Kind = kindOf(rc.Action, rc.Reply)
}
