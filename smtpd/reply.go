package smtpd

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-smtp"

	"postroom/internal/mail"
)

// replies is THE table: what each mail.Code becomes on the wire (RFC 5321
// §4.2, enhanced codes of RFC 3463). A code that stands not here is 451 4.3.0.
var replies = map[mail.Code]struct {
	code   int
	status smtp.EnhancedCode
}{
	mail.CodeUnavailable:     {451, smtp.EnhancedCode{4, 3, 0}},
	mail.CodeStorageFull:     {452, smtp.EnhancedCode{4, 3, 1}},
	mail.CodeReadOnly:        {451, smtp.EnhancedCode{4, 3, 2}},
	mail.CodeConflict:        {451, smtp.EnhancedCode{4, 3, 0}},
	mail.CodeExpired:         {451, smtp.EnhancedCode{4, 3, 0}},
	mail.CodeThrottled:       {450, smtp.EnhancedCode{4, 7, 0}},
	mail.CodeOverQuota:       {452, smtp.EnhancedCode{4, 2, 2}},
	mail.CodeOverQuotaHard:   {552, smtp.EnhancedCode{5, 2, 2}},
	mail.CodeTooMany:         {452, smtp.EnhancedCode{4, 5, 3}},
	mail.CodeLimit:           {452, smtp.EnhancedCode{4, 5, 3}},
	mail.CodeSendLimit:       {452, smtp.EnhancedCode{4, 7, 1}},
	mail.CodeSuppressed:      {550, smtp.EnhancedCode{5, 7, 1}},
	mail.CodePolicy:          {550, smtp.EnhancedCode{5, 7, 1}},
	mail.CodeDeferred:        {451, smtp.EnhancedCode{4, 7, 1}},
	mail.CodeTooBig:          {552, smtp.EnhancedCode{5, 3, 4}},
	mail.CodeNoSuchUser:      {550, smtp.EnhancedCode{5, 1, 1}},
	mail.CodeNotFound:        {550, smtp.EnhancedCode{5, 1, 1}},
	mail.CodeAccountDisabled: {550, smtp.EnhancedCode{5, 2, 1}},
	mail.CodeRelayDenied:     {550, smtp.EnhancedCode{5, 7, 1}},
	mail.CodeNoPermission:    {550, smtp.EnhancedCode{5, 7, 1}},
	mail.CodeSenderDenied:    {553, smtp.EnhancedCode{5, 7, 1}},
	mail.CodeInvalid:         {550, smtp.EnhancedCode{5, 5, 0}},
	mail.CodeBadMessage:      {554, smtp.EnhancedCode{5, 6, 0}},
	mail.CodeLoop:            {554, smtp.EnhancedCode{5, 4, 6}},
	mail.CodeNotUTF8Capable:  {553, smtp.EnhancedCode{5, 6, 7}},
}

// authReplies overrides the table for AUTH (RFC 4954 §6).
var authReplies = map[mail.Code]struct {
	code   int
	status smtp.EnhancedCode
}{
	mail.CodeBadCredentials:  {535, smtp.EnhancedCode{5, 7, 8}},
	mail.CodeAccountDisabled: {535, smtp.EnhancedCode{5, 7, 13}},
	mail.CodeThrottled:       {454, smtp.EnhancedCode{4, 7, 0}},
	mail.CodeUnavailable:     {454, smtp.EnhancedCode{4, 7, 0}},
	mail.CodeInvalid:         {501, smtp.EnhancedCode{5, 5, 2}},
}

// reply makes a reply of its parts.
func reply(code int, status, text string) *smtp.SMTPError {
	var e smtp.EnhancedCode
	fmt.Sscanf(status, "%d.%d.%d", &e[0], &e[1], &e[2])
	return &smtp.SMTPError{Code: code, EnhancedCode: e, Message: text}
}

// replyTo turns a Backend's error into a reply.
func replyTo(err error) *smtp.SMTPError {
	r, ok := replies[mail.CodeOf(err)]
	if !ok {
		return reply(451, "4.3.0", "internal error, try again later")
	}
	return &smtp.SMTPError{Code: r.code, EnhancedCode: r.status, Message: oneLine(mail.TextOf(err))}
}

// replyToAuth turns an error of AUTH into a reply.
func replyToAuth(err error) *smtp.SMTPError {
	r, ok := authReplies[mail.CodeOf(err)]
	if !ok {
		return reply(454, "4.7.0", "temporary authentication failure")
	}
	return &smtp.SMTPError{Code: r.code, EnhancedCode: r.status, Message: oneLine(mail.TextOf(err))}
}

// oneLine keeps a text from ending a reply line early or making it too long
// (RFC 5321 §4.5.3.1.5).
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	for len(s) > 400 {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// line gives the reply as it goes out.
func line(e *smtp.SMTPError) string {
	return fmt.Sprintf("%d %s %s\r\n", e.Code, status(e), e.Message)
}

func status(e *smtp.SMTPError) string {
	return fmt.Sprintf("%d.%d.%d", e.EnhancedCode[0], e.EnhancedCode[1], e.EnhancedCode[2])
}

// Replies of smtpd's own.
var (
	replyBadSyntax    = reply(500, "5.5.2", "syntax error")
	replyUnknown      = reply(500, "5.5.1", "command not recognized")
	replyHelloFirst   = reply(503, "5.5.1", "say EHLO first")
	replyNestedMail   = reply(503, "5.5.1", "a message is already begun")
	replyMailFirst    = reply(503, "5.5.1", "say MAIL first")
	replyNoRecipients = reply(554, "5.5.1", "no valid recipients")
	replyInTransfer   = reply(503, "5.5.1", "a message is being transferred: BDAT, RSET or QUIT")
	replyBadParam     = reply(501, "5.5.4", "invalid parameter")
	replyUnknownParam = reply(555, "5.5.4", "parameter not recognized")
	replyBadSender    = reply(501, "5.1.7", "invalid reverse-path")
	replyBadRecipient = reply(501, "5.1.3", "invalid forward-path")
	replyNeedsUTF8    = reply(553, "5.6.7", "address needs SMTPUTF8")
	replyRouted       = reply(550, "5.7.1", "relaying denied: routed addresses are not accepted")
	replyTooBig       = reply(552, "5.3.4", "message is larger than the limit")
	replyRecipients   = reply(452, "4.5.3", "too many recipients")
	replyAuthFirst    = reply(530, "5.7.0", "authentication required")
	replyTLSFirst     = reply(530, "5.7.0", "say STARTTLS first")
	replyAuthNeedsTLS = reply(538, "5.7.11", "encryption required for authentication")
	replyNoAuth       = reply(503, "5.5.1", "authentication is not offered here")
	replyAuthTwice    = reply(503, "5.5.1", "already authenticated")
	replyMechanism    = reply(504, "5.5.4", "authentication mechanism not known")
	replyBase64       = reply(501, "5.5.2", "invalid Base64")
	replyNoTLS        = reply(454, "4.7.0", "TLS not available")
	replyTLSTwice     = reply(503, "5.5.1", "TLS is active already")

	// These end the connection.
	replyBareLineEnd  = reply(521, "5.5.2", "bare CR or LF in a command, closing")
	replyLongLine     = reply(521, "5.5.6", "line too long, closing")
	replyForbidden    = reply(521, "5.5.1", "this is a mail server, closing")
	replyPipelining   = reply(521, "5.5.0", "improper pipelining, closing")
	replyBadChunk     = reply(521, "5.5.4", "invalid BDAT, closing")
	replyTimeout      = reply(421, "4.4.2", "timeout, closing")
	replySession      = reply(421, "4.4.2", "session lasted too long, closing")
	replyShutdown     = reply(421, "4.3.2", "server is going down, closing")
	replyErrors       = reply(421, "4.7.0", "too many errors, closing")
	replyJunk         = reply(421, "4.7.0", "too many commands without mail, closing")
	replyCommands     = reply(421, "4.7.0", "too many commands, closing")
	replyMessages     = reply(421, "4.7.0", "too many messages on one connection, closing")
	replyRevoked      = reply(421, "4.7.0", "the log-in is no longer valid, closing")
	replyAuthFailures = reply(421, "4.7.0", "too many failed log-ins, closing")
)
