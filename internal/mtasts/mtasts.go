// Package mtasts writes MTA-STS policies (RFC 8461): the document that a
// domain's web host serves, and the DNS record that tells when it changed.
package mtasts

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// Path is where the policy stands, on the host "mta-sts." of the domain
// (RFC 8461 §3.2, §3.3).
const (
	Host = "mta-sts."
	Path = "/.well-known/mta-sts.txt"
)

// MaxAge is the longest time that a policy may be remembered: about a year
// (RFC 8461 §3.2).
const MaxAge = 31557600 * time.Second

// maxMX keeps the document far below the 64 KiB that senders read
// (RFC 8461 §3.3).
const maxMX = 50

// Check tells what is wrong with a policy: *mail.Error, CodeInvalid.
func Check(p mail.MTASTS) error {
	switch p.Mode {
	case mail.MTASTSNone, mail.MTASTSTesting, mail.MTASTSEnforce:
	default:
		return invalid("there is no MTA-STS mode "+p.Mode, "the modes are none, testing and enforce")
	}
	if p.MaxAge < time.Second || p.MaxAge > MaxAge || p.MaxAge%time.Second != 0 {
		return invalid("the time that senders remember the policy must be between a second and a year", "a week is usual, a day while testing")
	}
	if len(p.MX) == 0 || len(p.MX) > maxMX {
		return invalid(fmt.Sprintf("a policy names between 1 and %d hosts", maxMX), "name those that the MX records of the domain point to")
	}
	for _, h := range p.MX {
		if name := strings.TrimPrefix(h, "*."); !isHost(name) {
			return invalid("“"+h+"” is no host of an MX record", "as mail.example.org, or *.example.org for all directly below")
		}
	}
	return nil
}

// isHost tells an A-label host name in lower case, as the policy wants it.
func isHost(s string) bool {
	d, err := address.Domain(s)
	return err == nil && d == s
}

func invalid(text, hint string) error {
	return &mail.Error{Code: mail.CodeInvalid, Text: text, Hint: hint}
}

// Text is the policy as it is served: text/plain, lines with CRLF
// (RFC 8461 §3.2).
func Text(p mail.MTASTS) string {
	var b strings.Builder
	b.WriteString("version: STSv1\r\nmode: " + p.Mode + "\r\n")
	for _, h := range p.MX {
		b.WriteString("mx: " + h + "\r\n")
	}
	fmt.Fprintf(&b, "max_age: %d\r\n", p.MaxAge/time.Second)
	return b.String()
}

// ID names this very policy: another text has another id (RFC 8461 §3.1: 1 to
// 32 letters and digits).
func ID(p mail.MTASTS) string {
	sum := sha256.Sum256([]byte(Text(p)))
	return hex.EncodeToString(sum[:10])
}
