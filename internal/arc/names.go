package arc

import (
	"postroom/internal/dkim/canon"
	"postroom/internal/message"
)

// none is no field of any header.
var none message.Field

// signed are the fields that a message signature covers as often as they
// stand: those of RFC 6376 §5.4.1 and, as RFC 8617 §4.1.2 asks, the
// DKIM-Signatures. Trace fields change on the way, and Authentication-Results
// and the fields of ARC must not be among them (§4.1.2).
var signed = []string{
	"from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references",
	"mime-version", "content-type", "content-transfer-encoding", "content-disposition",
	"list-id", "list-help", "list-unsubscribe", "list-unsubscribe-post", "list-subscribe", "list-post", "list-owner",
	"list-archive", "auto-submitted", "dkim-signature",
}

// maxTimes bounds how often one name is signed; the lowest fields count.
const maxTimes = 8

// signedNames gives h=. From stands once more than it occurs, so that nobody
// adds another (RFC 6376 §5.4).
func signedNames(h *canon.Header) []string {
	names := []string{"from"}
	for _, name := range signed {
		for range min(maxTimes, len(h.Fields(name))) {
			names = append(names, name)
		}
	}
	return names
}
