package smtpd

import (
	"context"
	"io"

	"postroom/internal/mail"
)

// Backend decides about mail; delivery.Delivery is one. Its errors carry a
// mail.Code, which reply.go turns into a reply; their texts are shown to the
// client. Calls of one session never overlap.
type Backend interface {
	// CheckSender judges the reverse-path at MAIL; e has no recipients yet.
	CheckSender(ctx context.Context, s *mail.Session, e *mail.Envelope) error
	// CheckRecipient judges one forward-path at RCPT; e holds those accepted
	// so far.
	CheckRecipient(ctx context.Context, s *mail.Session, e *mail.Envelope, r mail.Recipient) error
	// Begin opens a message at DATA or the first BDAT. s and e are the
	// Backend's to read until Commit or Discard returns.
	Begin(ctx context.Context, s *mail.Session, e *mail.Envelope) (Message, error)
}

// Message takes the octets of one message as they were received (DATA's dots
// undone, nothing else touched). Exactly one of Commit and Discard is called,
// but Discard may follow a Commit that failed.
type Message interface {
	io.Writer
	// Commit returns once the message is durable; only then 250 is said.
	Commit(ctx context.Context) (mail.Delivered, error)
	Discard()
}
