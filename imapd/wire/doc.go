// Package wire reads and writes the octets of IMAP (RFC 9051 §9, RFC 3501 §9).
//
// Input frames: it finds where a command ends, literals included, and bounds
// what a client can make the server hold. Decoder parses the framed octets and
// never moves the frame, so a syntax error can't turn data into commands.
// Encoder collects output. The package does no I/O of its own and knows
// neither sessions nor mail.
package wire
