package mail

// Unindexed is a mailbox with messages that the search index does not know.
type Unindexed struct {
	Account  AccountID
	Mailbox  MailboxID
	Indexed  UID   // up to here it does
	Messages int64 // above, at most
}

// SearchEntry is what the search index keeps of a message (internal/searchtext).
type SearchEntry struct {
	Message MessageID
	Whole   bool    // false: it is always looked at
	Grams   []int32 // each once
}
