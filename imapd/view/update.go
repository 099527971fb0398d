package view

import "postroom/internal/mail"

// Kind tells which untagged response an Update is.
type Kind uint8

// The kinds, in the order in which Flush gives them.
const (
	Expunged Kind = iota // EXPUNGE Seq, or VANISHED Row.UID
	Exists               // Seq EXISTS
	Flags                // Seq FETCH (UID FLAGS MODSEQ …) of Row
)

// Update is one thing a client has to be told.
type Update struct {
	Kind Kind
	// Seq is the sequence number at the time of this response; for Exists the
	// number of messages.
	Seq uint32
	Row mail.MessageFlags // for Expunged only the UID
}

// SeqRange is a range of sequence numbers, in any order; 0 means "*".
type SeqRange struct{ Lo, Hi uint32 }
