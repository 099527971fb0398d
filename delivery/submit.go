package delivery

import (
	"context"
	"strings"
	"time"

	"postroom/internal/mail"
	"postroom/internal/message"
)

// submission is what a submitted header needs: the header without Bcc, and the
// fields that complete it.
type submission struct {
	header []byte
	added  string // Date and Message-ID where they were missing, with CRLF
	from   mail.Address
}

// submit judges and completes a header that an account submitted (RFC 6409
// §6, §8). header must be whole: a From hidden behind a cut would not be seen.
// The reverse-path, which Begin has just allowed, is not asked about again.
func (d *Delivery) submit(ctx context.Context, s *mail.Session, reverse mail.Address, header []byte, trace mail.TraceID, at time.Time) (submission, error) {
	from, err := message.FromAddresses(header)
	if err != nil {
		return submission{}, mail.Wrap(mail.CodeBadMessage, err, mail.TextOf(err))
	}
	for _, a := range from {
		if a == reverse {
			continue
		}
		if err := d.maySendAs(ctx, s, a, "From"); err != nil {
			return submission{}, err
		}
	}
	if err := d.checkSenderField(ctx, s, header); err != nil {
		return submission{}, err
	}
	out := submission{header: dropBcc(header), from: from[0]}
	if !message.HasField(header, "Message-ID") {
		out.added += "Message-ID: <" + trace.String() + "." + strings.ToLower(randomText()) + "@" + d.cfg.Hostname + ">\r\n"
	}
	if !message.HasField(header, "Date") {
		out.added += "Date: " + dateTime(at) + "\r\n"
	}
	return out, nil
}

// checkSenderField holds Sender to the same rule as From (RFC 5322 §3.6.2).
func (d *Delivery) checkSenderField(ctx context.Context, s *mail.Session, header []byte) error {
	for f := range message.Fields(header) {
		if !strings.EqualFold(string(f.Name), "Sender") {
			continue
		}
		addrs, err := message.FromAddresses(append([]byte("From:"), f.Value...))
		if err != nil {
			return mail.Wrap(mail.CodeBadMessage, err, "the Sender field cannot be read for certain")
		}
		for _, a := range addrs {
			if err := d.maySendAs(ctx, s, a, "Sender"); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropBcc gives the header without the fields that name hidden recipients.
func dropBcc(header []byte) []byte {
	out := make([]byte, 0, len(header))
	n := 0
	for f := range message.Fields(header) {
		n += len(f.Raw)
		if name := string(f.Name); strings.EqualFold(name, "Bcc") || strings.EqualFold(name, "Resent-Bcc") {
			continue
		}
		out = append(out, f.Raw...)
	}
	return append(out, header[n:]...)
}
