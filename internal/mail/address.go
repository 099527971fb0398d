package mail

import "strings"

// Address is a mailbox in the sense of RFC 5321 §4.1.2, after validation: a
// dot-atom local part (ASCII, or UTF-8 of RFC 6531 §3.3 in NFC, spelled as the
// peer spelled it) and a domain in A-label form, lower case; or an address
// literal with its brackets. The zero Address is the null reverse-path.
// Parsing and normalising live in internal/address.
type Address struct {
	Local  string
	Domain string
}

// IsNull tells the null reverse-path "<>".
func (a Address) IsNull() bool { return a.Local == "" && a.Domain == "" }

// String gives local@domain, or "" for the null reverse-path. A valid Address
// needs no quoting.
func (a Address) String() string {
	if a.IsNull() {
		return ""
	}
	return a.Local + "@" + a.Domain
}

// IsASCII tells whether the address can go to a peer without SMTPUTF8.
func (a Address) IsASCII() bool {
	for i := 0; i < len(a.Local); i++ {
		if a.Local[i] >= 0x80 {
			return false
		}
	}
	return true
}

// Notify is the NOTIFY parameter of RFC 3461 §4.1, as bits. Zero means that
// none was given: failure and delay are then reported.
type Notify uint8

// The NOTIFY keywords.
const (
	NotifyNever Notify = 1 << iota
	NotifySuccess
	NotifyFailure
	NotifyDelay
)

// String gives the parameter's value, "" when none was given.
func (n Notify) String() string {
	if n&NotifyNever != 0 {
		return "NEVER"
	}
	var s []string
	for _, k := range []struct {
		bit  Notify
		name string
	}{{NotifySuccess, "SUCCESS"}, {NotifyFailure, "FAILURE"}, {NotifyDelay, "DELAY"}} {
		if n&k.bit != 0 {
			s = append(s, k.name)
		}
	}
	return strings.Join(s, ",")
}

// Recipient is one forward-path with its DSN parameters.
type Recipient struct {
	Address Address
	Notify  Notify
	ORcpt   string // ORCPT as given, addr-type and xtext decoded: "rfc822;a@b"; "" when none
}

// Return is the RET parameter of RFC 3461 §4.3.
type Return uint8

// The RET keywords.
const (
	ReturnUnset Return = iota
	ReturnFull
	ReturnHeaders
)

// Envelope is what MAIL and RCPT said.
type Envelope struct {
	From       Address // null for "<>"
	Recipients []Recipient
	Ret        Return
	EnvID      string // ENVID, xtext decoded
	UTF8       bool   // SMTPUTF8 was given (RFC 6531)
	Body8Bit   bool   // BODY=8BITMIME was given (RFC 6152)
	Size       int64  // SIZE as declared, octets; 0 when none
}
