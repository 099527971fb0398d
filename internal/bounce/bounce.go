// Package bounce reads what comes back about mail that was sent: delivery
// status notifications (RFC 3464, RFC 6533), the free forms of MTAs that write
// none, disposition notifications (RFC 8098), and automatic replies (RFC 3834),
// which are told apart from bounces.
//
// Nothing a Report says is to be believed by itself: anyone can write a bounce.
// The caller ties it to mail that the store knows, by the envelope id, a queue
// id, the Message-ID or the address it came back to, and to a recipient that
// this mail had; what fits nothing is mail like any other. A real bounce has
// the null reverse-path (RFC 3464 §2, RFC 5321 §4.5.5), which only the envelope
// shows.
package bounce

import (
	"cmp"
	"io"

	"postroom/internal/mail"
	"postroom/internal/message"
	"postroom/internal/report"
)

// Kind is what a report means for further mail to a recipient.
type Kind uint8

// The kinds, in order of weight.
const (
	// AutoReply: a responder answered; the mail arrived (RFC 3834).
	AutoReply Kind = iota + 1
	// Receipt: a disposition notification; a person's program saw the mail.
	Receipt
	// Success: delivered, relayed or expanded.
	Success
	// Delay: still being tried.
	Delay
	// Soft: not delivered, but the address may well be good: mailbox full,
	// refused by policy, message too large, server out of order.
	Soft
	// Hard: not delivered, and the address takes no mail.
	Hard
)

// String gives the kind in one word, for logs and events.
func (k Kind) String() string {
	switch k {
	case AutoReply:
		return "auto-reply"
	case Receipt:
		return "receipt"
	case Success:
		return "success"
	case Delay:
		return "delay"
	case Soft:
		return "soft"
	case Hard:
		return "hard"
	}
	return "none"
}

// Report is what one message reports.
type Report struct {
	// Kind is the heaviest of the recipients' kinds.
	Kind Kind
	// Recipients are those reported on, at most 1,000. A report that names
	// nobody has none and is Soft; an AutoReply names who answered.
	Recipients []Recipient
	// EnvID is the ENVID the mail was sent with (RFC 3464 §2.2.1); "" unknown.
	EnvID string
	// Original names the mail itself.
	report.Original
}

// Recipient is what a report says of one recipient.
type Recipient struct {
	// Address is the recipient as the mail's sender named it
	// (Original-Recipient), or else as the reporter does. It is null where
	// that is no address we could have sent to.
	Address mail.Address
	// Final is what the reporter made of Address by aliasing or forwarding,
	// where it tells both; else it equals Address.
	Final mail.Address
	Kind  Kind
	// Action is that of RFC 3464 §2.3.3 in lower case: "failed", "delayed",
	// "delivered", "relayed", "expanded"; of a Receipt the disposition type,
	// such as "displayed"; "" of an AutoReply.
	Action string
	// Reply is the reason: SMTP code and enhanced status where given, the text
	// on one line and at most 500 octets, the host that said it.
	Reply mail.RemoteReply
}

// Bounds of what is kept.
const (
	maxRecipients = 1000
	maxText       = 500
	maxHost       = 255
	maxEnvID      = 100 // RFC 3461 §4.4
)

// Read reads the message in src, whose parts are those of its mail.Summary
// (message.DecodeParts). It gives nil for a message that reports nothing.
// Errors are those of src.
func Read(src io.ReaderAt, parts *message.Part) (*Report, error) {
	m, err := report.Open(src, parts)
	if err != nil {
		return nil, err
	}
	for _, read := range []func(*report.Message) (*Report, error){readDSN, readReceipt, readFree, readAutoReply} {
		r, err := read(m)
		if err != nil {
			return nil, err
		}
		if r != nil {
			return r, r.finish(m)
		}
	}
	return nil, nil
}

// finish adds what all forms have in common.
func (r *Report) finish(m *report.Message) error {
	for _, rc := range r.Recipients {
		r.Kind = max(r.Kind, rc.Kind)
	}
	if len(r.Recipients) == 0 {
		r.Kind = Soft
	}
	header, err := m.Returned()
	if err != nil {
		return err
	}
	o := report.ReadOriginal(header)
	if len(r.Traces) == 0 {
		r.Traces = o.Traces
	}
	r.MessageID = cmp.Or(r.MessageID, o.MessageID, message.ParseMessageID(report.Field(m.Header, "In-Reply-To")))
	return nil
}
