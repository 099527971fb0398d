package mail

import "net/netip"

// Role tells which door of the SMTP server a session came through.
type Role uint8

// The roles of an SMTP listener.
const (
	// RoleMX receives mail for our own domains from anyone (port 25).
	RoleMX Role = iota
	// RoleSubmission takes mail from authenticated accounts (RFC 6409; ports
	// 587 and 465).
	RoleSubmission
)

// String gives the role's name as logs and settings write it.
func (r Role) String() string {
	if r == RoleSubmission {
		return "submission"
	}
	return "mx"
}

// Session is what is known about the SMTP client while its command runs.
type Session struct {
	Role  Role
	Peer  netip.AddrPort // the client's own address, behind a PROXY header too
	Local netip.AddrPort
	// Helo is the argument of the last HELO or EHLO, as given but for octets
	// outside printable ASCII and UTF-8, which are refused.
	Helo  string
	ESMTP bool // EHLO was used, not HELO

	TLSVersion string // "TLS 1.3"; "" on plain text
	TLSCipher  string // "TLS_AES_128_GCM_SHA256"; "" on plain text

	// Account is who authenticated; 0 when nobody did.
	Account    AccountID
	Credential CredentialID
	Login      string // the address that was given at AUTH
}

// TLS tells whether the session is encrypted.
func (s *Session) TLS() bool { return s.TLSVersion != "" }

// Authenticated tells whether an account stands behind the session.
func (s *Session) Authenticated() bool { return s.Account != 0 }

// With gives the keyword of the Received field's "with" clause (RFC 3848, and
// RFC 6531 §4.3 where the transaction asked for SMTPUTF8).
func (s *Session) With(utf8 bool) string {
	w := "SMTP"
	switch {
	case utf8:
		w = "UTF8SMTP"
	case s.ESMTP || s.TLS() || s.Authenticated():
		w = "ESMTP"
	}
	if s.TLS() {
		w += "S"
	}
	if s.Authenticated() {
		w += "A"
	}
	return w
}
