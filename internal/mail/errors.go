package mail

import (
	"errors"
	"fmt"
)

// Code is the machine-readable kind of an Error. The protocol rooms map codes
// to replies in one table each (smtpd/reply.go, imapd/status.go).
type Code int

// The codes. A Code never says more than a peer may know.
const (
	CodeInternal           Code = iota // a defect or an unexpected database answer
	CodeUnavailable                    // the database, disk or DNS is away for now: try again
	CodeStorageFull                    // spool or database disk is full: try again later
	CodeNotFound                       // no such domain, account, mailbox, message …
	CodeExists                         // that name is taken
	CodeInvalid                        // the argument can never be right
	CodeConflict                       // the object changed under the caller: reread
	CodeNoPermission                   // authenticated, but not allowed
	CodeNoSuchUser                     // recipient unknown in a domain of ours
	CodeRelayDenied                    // recipient outside, and the sender may not relay
	CodeSenderDenied                   // this account may not use that reverse-path or From
	CodeAccountDisabled                // the account exists, but takes no mail and no log-in
	CodeOverQuota                      // over quota, temporary by policy (452)
	CodeOverQuotaHard                  // over quota, permanent by policy (552)
	CodeTooBig                         // larger than the size limit
	CodeTooMany                        // a limit of number (recipients, mailboxes, keywords …)
	CodeThrottled                      // too many tries: later
	CodeBadMessage                     // bare CR, bare LF, NUL, over-long line or header
	CodeLoop                           // mail loop detected
	CodeNotUTF8Capable                 // the address needs SMTPUTF8 and it was not asked for
	CodeBadCredentials                 // log-in refused; never says which part was wrong
	CodeInUse                          // still referred to: cannot be deleted
	CodeExpired                        // lease or window is over
	CodeReadOnly                       // mailbox selected read-only, or maintenance
	CodeHasChildren                    // mailbox has inferiors
	CodeUnknownCharset                 // charset not supported
	CodeUnknownTransferEnc             // content-transfer-encoding not decodable (UNKNOWN-CTE)
	CodeLimit                          // a command would exceed what the server does at once
	CodeSendLimit                      // the account has sent as much as it may: later
	CodePolicy                         // refused for what or whose it is: a list or policy of ours, or of the domain it claims
	CodeSuppressed                     // the recipient's own server said that it does not exist
	CodeDeferred                       // a stranger must come again later: greylisted, or over a limit
)

// Error is the one error type that crosses rooms. Text is safe to show to a
// peer: it never holds SQL, paths or versions. Err is for the log only.
type Error struct {
	Code Code
	Text string
	Hint string // for an administrator: what to do about it
	Err  error
}

// Error gives the text for logs: with the wrapped error.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Text + ": " + e.Err.Error()
	}
	return e.Text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error without a cause. For a cause that only the log may
// show, use Wrap.
func Errorf(c Code, format string, args ...any) *Error {
	return &Error{Code: c, Text: fmt.Sprintf(format, args...)}
}

// Wrap makes an Error whose cause is kept for the log and not for the peer.
func Wrap(c Code, err error, text string) *Error {
	return &Error{Code: c, Text: text, Err: err}
}

// CodeOf finds the Code of err: CodeInternal when there is none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// Is tells whether err carries code c.
func Is(err error, c Code) bool { return err != nil && CodeOf(err) == c }

// TextOf gives the text a peer may see.
func TextOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Text
	}
	return "internal error"
}
