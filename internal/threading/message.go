package threading

import (
	"cmp"
	"hash/maphash"
)

// Message is what threading looks at. Messages are given in mailbox order.
type Message struct {
	Number uint32 // what the client knows it by; grows from message to message
	Sent   int64  // sent date (RFC 5256 §2.2), in any unit
	// Received is the internal date, in any unit, for the algorithm REFS.
	Received int64
	// Subject is the base subject, in the form that the collation compares.
	Subject []byte
	Reply   bool // a reply or forward by its subject
	// ID and References are for REFERENCES and REFS: normalized, oldest first, ID "" when the message has none that is valid.
	ID         string
	References []string
}

// entry is what is kept of a message.
type entry struct {
	sent     int64
	received int64
	subject  uint64 // 0: empty
	number   uint32
	reply    bool
}

func (e *entry) before(o *entry) int {
	switch {
	case e.sent != o.sent:
		return order(e.sent < o.sent)
	case e.number != o.number:
		return order(e.number < o.number)
	}
	return 0
}

func (e *entry) cameBefore(o *entry) int {
	return cmp.Or(cmp.Compare(e.received, o.received), cmp.Compare(e.number, o.number))
}

func order(less bool) int {
	if less {
		return -1
	}
	return 1
}

// hasher stands for texts by 64 bits. Its seed is its own, so that no sender
// can make two texts that agree; by chance two in 200,000 do once in a billion
// mailboxes, and then two threads are shown as one.
type hasher struct{ seed maphash.Seed }

func newHasher() hasher { return hasher{maphash.MakeSeed()} }

func (h hasher) entry(m *Message) entry {
	e := entry{sent: m.Sent, received: m.Received, number: m.Number, reply: m.Reply}
	if len(m.Subject) > 0 {
		e.subject = maphash.Bytes(h.seed, m.Subject)
	}
	return e
}
