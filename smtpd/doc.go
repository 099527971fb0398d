// Package smtpd is the SMTP server: the MX role on port 25 and submission on
// 587 and 465. It speaks the protocol and decides nothing about mail: a
// Backend (package delivery) says who may send what to whom.
//
// It stands on emersion/go-smtp, whose types are its vocabulary, but go-smtp
// never sees the socket. A wire lies between: it reads whole command lines,
// refuses what is malformed, out of order or over a limit, reads DATA and
// BDAT octets itself, does STARTTLS, and passes on one checked command at a
// time. What go-smtp does is dispatch, the parameters of MAIL and RCPT, the
// AUTH exchange and the transaction state. The reasons, with its version
// 0.25.1:
//
//   - a timeout in DATA leaves the rest of the body to be read as commands
//     (its issue 196): the wire ends the connection;
//   - its DATA reader does not see the end of data in CR CR LF . CR LF, and
//     drops octets after CR LF . CR: the wire finds the end and un-dots;
//   - a malformed BDAT leaves the chunk to be read as commands: the wire ends
//     the connection;
//   - BDAT runs the session in a second goroutine that may outlive the
//     transaction: the wire lets go-smtp see a DATA instead;
//   - source routes and quoting are taken off before a session sees the path:
//     the wire checks the path as it was sent;
//   - it writes each reply line on its own: the wire collects replies until it
//     has to wait for the client (RFC 2920 §3.2).
//
// Not possible on go-smtp, and not offered: BINARYMIME, DELIVERBY,
// MT-PRIORITY, REQUIRETLS, and an ORCPT whose addr-type is neither rfc822 nor
// utf-8 (501).
package smtpd
