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

// DocumentText is what was read of a PDF or office file in a message.
type DocumentText struct {
	Message MessageID
	Blob    BlobID
	Off     int64  // of the part's body, in the blob
	Text    string // UTF-8 without NUL; empty: nothing could be read
}

// SearchProgress is how far the search index is, in messages of mailboxes: a
// copy counts too.
type SearchProgress struct {
	Messages  int64 `json:"messages"`  // that there are
	Unindexed int64 `json:"unindexed"` // that the index does not know, at most
	Unread    int64 `json:"unread"`    // whose documents were not looked for, at most
}
