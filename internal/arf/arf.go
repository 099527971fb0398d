// Package arf reads feedback reports (RFC 5965): what mailbox providers send
// when a person calls a message spam, and what others report as abuse.
//
// Providers mask whom a report is about. A placeholder for a recipient is left
// out; a local part replaced by a digest (RFC 6590) cannot be told from a
// real one. So the message itself is what ties a report to mail: its Message-ID,
// envelope id or queue id, looked up in the store. As anyone can write a report,
// the caller believes nothing of it that the store does not confirm.
package arf

import (
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
	"postroom/internal/message"
	"postroom/internal/report"
)

// Report is one feedback report. Fields that were missing or could not be read
// are zero; texts are on one line.
type Report struct {
	// Type is the Feedback-Type in lower case: "abuse", "fraud", "virus",
	// "not-spam", "other", "auth-failure" or one that came later.
	Type      string
	UserAgent string // the software that wrote the report
	Version   string // of the format
	// MailFrom is the reverse-path of the reported message; null too when
	// that was null.
	MailFrom mail.Address
	// Recipients are the forward-paths that the provider names.
	Recipients []mail.Address
	SourceIP   netip.Addr // from where the provider got the message
	Arrived    time.Time  // when it did
	Domains    []string   // Reported-Domain: held responsible, as spelled
	URIs       []string   // Reported-URI: found in the message
	// AuthResults are Authentication-Results values of the provider.
	AuthResults []string
	// Incidents is how many events the report stands for, at least 1.
	Incidents int
	EnvID     string // ENVID the message was sent with
	// Original names the reported message.
	report.Original
}

// Bounds of what is kept.
const (
	maxWord    = 100
	maxText    = 500
	maxRepeats = 100 // values of a field that may repeat
)

// Read reads the message in src, whose parts are those of its mail.Summary
// (message.DecodeParts). It gives nil for a message that is no feedback report.
// Errors are those of src.
func Read(src io.ReaderAt, parts *message.Part) (*Report, error) {
	m, err := report.Open(src, parts)
	if err != nil {
		return nil, err
	}
	p := m.Part("feedback-report")
	if p == nil {
		return nil, nil
	}
	content, err := m.Content(p)
	if err != nil {
		return nil, err
	}
	r := parse([]byte(strings.TrimLeft(string(content), "\r\n")))
	header, err := m.Returned()
	if err != nil {
		return nil, err
	}
	r.Original = report.ReadOriginal(header)
	return r, nil
}

// parse reads the fields of RFC 5965 §3. Of one that may stand once, the first
// counts.
func parse(b []byte) *Report {
	once := func(name string, limit int) string { return report.Clean(report.Field(b, name), limit) }
	r := &Report{
		Type:        strings.ToLower(once("Feedback-Type", maxWord)),
		UserAgent:   once("User-Agent", maxText),
		Version:     once("Version", maxWord),
		EnvID:       once("Original-Envelope-Id", maxWord),
		Arrived:     message.ParseDate(report.Field(b, "Arrival-Date")),
		Domains:     repeated(b, "Reported-Domain"),
		URIs:        repeated(b, "Reported-URI"),
		AuthResults: repeated(b, "Authentication-Results"),
		Incidents:   1,
	}
	if r.Arrived.IsZero() { // the name before RFC 5965, which reports still use
		r.Arrived = message.ParseDate(report.Field(b, "Received-Date"))
	}
	if n, err := strconv.ParseUint(once("Incidents", maxWord), 10, 31); err == nil && n > 0 {
		r.Incidents = int(n)
	}
	r.SourceIP, _ = netip.ParseAddr(strings.Trim(once("Source-IP", maxWord), "[]"))
	r.SourceIP = r.SourceIP.WithZone("")
	r.MailFrom, _ = named(report.Field(b, "Original-Mail-From"))
	for _, v := range report.Fields(b, "Original-Rcpt-To", maxRepeats) {
		if a, ok := named(v); ok {
			r.Recipients = append(r.Recipients, a)
		}
	}
	return r
}

func repeated(b []byte, name string) []string {
	var out []string
	for _, v := range report.Fields(b, name, maxRepeats) {
		if s := report.Clean(v, maxText); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// named reads an address that may stand in angle brackets, false for none and
// for a placeholder such as "redacted@example.org".
func named(v []byte) (mail.Address, bool) {
	s := strings.TrimSuffix(strings.TrimPrefix(string(v), "<"), ">")
	a, err := address.ParseLiteralOK(s)
	if err != nil || strings.Contains(strings.ToLower(a.String()), "redacted") || strings.HasSuffix(a.Domain, ".invalid") {
		return mail.Address{}, false
	}
	return a, true
}
