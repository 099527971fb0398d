// Package message reads RFC 5322 messages and MIME. A Parser takes a message's
// octets once, as they stream by, and makes the mail.Summary that the store
// keeps: envelope and body structure in IMAP wire form, the offsets of every
// part, the fields that clients list by. The other functions work on what was
// kept: DecodeParts finds the octets of BODY[1.2], AppendFields answers
// HEADER.FIELDS, DecodeBody and DecodeText serve BINARY and SEARCH.
//
// Nothing here fails on a malformed message, since it has been accepted
// already: what cannot be understood is described as plain text or as opaque
// octets. Memory is bounded whatever comes.
package message

// Limits of what is understood. Beyond them a message is still stored and
// served octet for octet, only described in less detail.
const (
	// MaxHeader is how much of a message's header is looked at, in octets.
	MaxHeader = 256 << 10
	// MaxPartHeader is the same for the header of a part.
	MaxPartHeader = 64 << 10
	// MaxDepth is how deep multiparts and messages may nest; a deeper one is
	// described as application/octet-stream.
	MaxDepth = 100
	// MaxParts is how many parts are told apart; the rest belongs to the last.
	MaxParts = 10_000

	maxBoundary = 998     // RFC 2046 §5.1.1 allows 70; a line holds 998
	maxLineKept = 1 << 11 // start of a line that is kept to compare boundaries
	maxWire     = 1 << 20 // strings of envelopes and structures of one message
	maxFields   = 32 << 10
	maxPlain    = 3 << 9 // of text/plain kept for the preview, still encoded
	maxHTML     = 16 << 10
)
