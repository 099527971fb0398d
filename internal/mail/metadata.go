package mail

// MaxAnnotation bounds the value of one annotation, in octets.
const MaxAnnotation = 16 << 10

// Annotation is one entry of a mailbox's or the server's metadata (RFC 5464).
type Annotation struct {
	Entry string // in lower case, with its first component: "/private/comment"
	Value []byte // nil: none
}

// AnnotationChange tells that an entry has another value than before, or none.
type AnnotationChange struct {
	Account AccountID
	Owner   string // primary address; "" for the user's own mailboxes
	Mailbox string // name in its account; "" for the server
	Entry   string
	Seq     int64 // the account's change_seq at the change
}
