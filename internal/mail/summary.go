package mail

import "time"

// Summary is what is computed once about a message's octets and kept in its
// immutable messages row, so that nothing is parsed at FETCH. internal/message
// makes it; the store keeps it without understanding it.
type Summary struct {
	Size int64    // octets of the blob (without any prefix)
	Hash [32]byte // SHA-256 of those octets

	// HeaderSize counts the octets up to and including the empty line that
	// ends the header.
	HeaderSize int64
	// Fields holds the raw lines that clients list by (From, To, Cc,
	// Reply-To, Subject, Date, Message-ID, In-Reply-To, References …), each
	// with its CRLF, in their order.
	Fields []byte
	// Envelope and BodyStructure are in IMAP wire form (RFC 9051 §7.5.2),
	// parentheses included; 8-bit strings stand as literals.
	Envelope      []byte
	BodyStructure []byte
	// Parts encodes the offsets of every MIME part (internal/message.Parts).
	Parts []byte

	MessageID string    // the msg-id with its <>; "" when none; valid UTF-8 without NUL
	ThreadKey []string  // msg-ids of References and In-Reply-To, oldest first
	SentAt    time.Time // of the Date field; zero when none or unreadable
	Preview   string
}

// Content gives the stored form of a message's octets: compressed chunks of
// ChunkSize plain octets each (the last one shorter), each a frame of its own.
// internal/spool makes it.
type Content interface {
	Chunks() int
	// Chunk gives the compressed chunk i; the slice is valid until the next call.
	Chunk(i int) ([]byte, error)
}

// ChunkSize is the number of plain octets in each stored chunk but the last.
const ChunkSize = 512 << 10
