// Package srs rewrites reverse-paths of forwarded mail by the Sender Rewriting
// Scheme, so that SPF passes at the next hop and a bounce still finds its way
// back, with no state kept. The scheme has no RFC; it is Shevek's paper and
// libsrs2 ("guarded" form), which other forwarders run too:
//
//	SRS0=hash=TT=origin.example=local@forwarder
//	SRS1=hash=first.example==hash=TT=origin.example=local@second
//
// The first forwarder writes SRS0. Every later one writes SRS1, which names the
// first forwarder and keeps its SRS0 as it was, so that a bounce takes one step
// from wherever it arises to the first forwarder, and one more to the origin.
// After the tag "=", "+" and "-" are understood, and kept for the forwarder
// whose they are; we write "=".
//
// Hash and time stamp are the forwarder's own affair. Here the hash is five
// base32 digits of an HMAC-SHA256 over everything behind it. Base32 survives
// MTAs that fold the case of local parts without losing a bit: 25 bits, where
// the customary four base64 digits, compared without case, are worth 21. Who
// guesses needs some 16 million RCPTs for the right to send mail to one address
// for MaxAge; a sixth digit would take an octet from every address, and a local
// part holds 64 (RFC 5321 §4.5.3.1.1).
package srs

import "postroom/internal/mail"

// Errors of this package.
var (
	// ErrUnfit: the reverse-path cannot be rewritten within a valid address:
	// the result would exceed 64 octets before the "@" or 254 in all, or the
	// origin has an address literal for a domain. The caller sends with
	// another reverse-path of its own, or the address as it is.
	ErrUnfit = mail.Errorf(mail.CodeInvalid, "the reverse-path is too long to be rewritten")
	// ErrNotSRS: the address is none of this scheme. It is to be looked up as
	// any other.
	ErrNotSRS = mail.Errorf(mail.CodeInvalid, "not a rewritten address")
	// ErrForged: the hash is no secret's of ours.
	ErrForged = mail.Errorf(mail.CodeNoSuchUser, "no such recipient here")
	// ErrExpired: the address was ours and is older than MaxAge.
	ErrExpired = mail.Errorf(mail.CodeNoSuchUser, "this return address is no longer valid")

	errNoSecret = mail.Errorf(mail.CodeInternal, "no secret to sign return addresses with")
)
