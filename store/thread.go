package store

import (
	"crypto/sha256"
	"encoding/binary"

	"postroom/internal/mail"
)

// threadID gives the conversation that a message belongs to: named by the first
// msg-id of its References or, without any, of its In-Reply-To; a message
// without both begins one by its Message-ID. It hangs on nothing but the
// message, so it never changes (RFC 8474 §5.2), nothing is looked up at
// delivery, and a reply may come before what it answers.
func threadID(id mail.MessageID, sum *mail.Summary) mail.ThreadID {
	root := sum.MessageID
	if len(sum.ThreadKey) > 0 {
		root = sum.ThreadKey[0]
	}
	if root == "" {
		return mail.ThreadID(id)
	}
	h := sha256.Sum256([]byte(root))
	return mail.ThreadID(binary.BigEndian.Uint64(h[:]) >> 1)
}
