package srs

import (
	"strings"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// Rewriter rewrites for one domain. It is safe for concurrent use as long as
// nobody writes its fields.
type Rewriter struct {
	// Secrets sign (the first) and verify (all), so that one can be replaced
	// without losing bounces under way. Empty ones count for nothing. At least
	// 16 random octets each, the same on every node.
	Secrets [][]byte
	// Domain stands behind the "@" of what Forward gives: A-label, with an SPF
	// record and an MX that lead here.
	Domain string
	// MaxAge is how long an address is valid, in whole days begun; 0: 21 days.
	// More than 1,000 days are 1,000, since the stamp counts modulo 1,024.
	MaxAge time.Duration
	Now    func() time.Time
}

const (
	separators = "=+-"
	day        = 24 * time.Hour
	defaultAge = 21 * day
	slots      = 1 << 10 // days that a stamp tells apart
	maxDays    = 1000
)

// Forward gives the reverse-path under which mail from from is sent on. The
// null reverse-path stays null. Which domains need no rewriting, being ours, is
// for the caller to know. The error is ErrUnfit where no valid address results.
func (r *Rewriter) Forward(from mail.Address) (mail.Address, error) {
	if from.IsNull() {
		return from, nil
	}
	if len(r.Secrets) == 0 || len(r.Secrets[0]) == 0 {
		return mail.Address{}, errNoSecret
	}
	if host, tail, ok := splitSRS1(from.Local); ok {
		return r.srs1(host, tail)
	}
	if isSRS0(from.Local) {
		return r.srs1(from.Domain, from.Local[len("SRS0"):])
	}
	tt := stamp(r.today())
	return r.build("SRS0=" + digest(r.Secrets[0], tt, from.Domain, from.Local) + "=" + tt + "=" + from.Domain + "=" + from.Local)
}

func (r *Rewriter) srs1(host, tail string) (mail.Address, error) {
	return r.build("SRS1=" + digest(r.Secrets[0], host, tail) + "=" + host + "=" + tail)
}

// build gives the address if it is one that comes back unchanged: short enough,
// and in NFC as a whole. A local part that begins with a combining mark would
// melt into the "=" before it.
func (r *Rewriter) build(local string) (mail.Address, error) {
	a := mail.Address{Local: local, Domain: r.Domain}
	if b, err := address.Parse(a.String()); err != nil || b != a {
		return mail.Address{}, ErrUnfit
	}
	return a, nil
}

// Reverse gives the address that a bounce to rcpt goes on to: the origin, or
// the first forwarder's SRS0 (an SRS1 has no age of its own; that forwarder
// knows the age of what it signed). It does not look at rcpt's domain, so that old
// addresses work after Domain has changed. Only mail with the null reverse-path
// should be sent on; that is the caller's rule. The errors are ErrNotSRS,
// ErrForged and ErrExpired.
func (r *Rewriter) Reverse(rcpt mail.Address) (mail.Address, error) {
	if host, tail, ok := splitSRS1(rcpt.Local); ok {
		if !r.verify(hashOf(rcpt.Local), host, tail) {
			return mail.Address{}, ErrForged
		}
		return parse("SRS0" + tail + "@" + host)
	}
	if !isSRS0(rcpt.Local) {
		return mail.Address{}, ErrNotSRS
	}
	f := strings.SplitN(rcpt.Local[len("SRS0="):], "=", 4)
	if !r.verify(f[0], f[1], f[2], f[3]) {
		return mail.Address{}, ErrForged
	}
	if !r.fresh(f[1]) {
		return mail.Address{}, ErrExpired
	}
	return parse(f[3] + "@" + f[2])
}

func parse(s string) (mail.Address, error) {
	a, err := address.Parse(s)
	if err != nil {
		return mail.Address{}, ErrNotSRS
	}
	return a, nil
}

// isSRS0 tells SRS0=hash=TT=host=local. A person's "srs0-fan" is none, and gets
// an SRS0 of its own.
func isSRS0(local string) bool {
	if !tagged(local, "SRS0") {
		return false
	}
	f := strings.SplitN(local[len("SRS0="):], "=", 4)
	return len(f) == 4 && f[0] != "" && f[1] != "" && f[2] != "" && f[3] != ""
}

// splitSRS1 gives the first forwarder and its SRS0 without the tag, which
// begins with the separator that forwarder uses. The hash of the SRS1 is left
// out: when another forwarder rewrote before, it is of no use to anyone else.
func splitSRS1(local string) (host, tail string, ok bool) {
	if !tagged(local, "SRS1") {
		return "", "", false
	}
	f := strings.SplitN(local[len("SRS1="):], "=", 3)
	if len(f) < 3 || f[0] == "" || !isSRS0("SRS0"+f[2]) {
		return "", "", false
	}
	host, err := address.Domain(f[1])
	return host, f[2], err == nil
}

func hashOf(srs1 string) string {
	hash, _, _ := strings.Cut(srs1[len("SRS1="):], "=")
	return hash
}

// tagged tells whether local begins with tag, in either case, and a separator.
func tagged(local, tag string) bool {
	return len(local) > len(tag) && strings.EqualFold(local[:len(tag)], tag) &&
		strings.IndexByte(separators, local[len(tag)]) >= 0
}
