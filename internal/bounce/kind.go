package bounce

import (
	"strings"

	"postroom/internal/mail"
)

// kindOf weighs what a report says of one recipient.
func kindOf(action string, reply mail.RemoteReply) Kind {
	switch action {
	case "delayed":
		return Delay
	case "delivered", "relayed", "expanded":
		return Success
	}
	if reply.Status != "" && reply.Status[0] != '5' || reply.Status == "" && reply.Code/100 == 4 {
		return Soft // given up after many tries, or a report at odds with itself
	}
	text := strings.ToLower(reply.Text)
	// Exchange Online says 5.4.1, "no answer from host" in RFC 3463 §3.5, for
	// recipients it does not know.
	if reply.Status == "5.4.1" && strings.Contains(text, "recipient address rejected") {
		return Hard
	}
	if vague(reply.Status) {
		if k := kindOfWords(text); k != 0 {
			return k
		}
	}
	if k, ok := byDetail(reply.Status); ok {
		return k
	}
	return byCode(reply)
}

// vague tells a status that names no reason.
func vague(status string) bool {
	_, detail, _ := strings.Cut(status, ".")
	switch detail {
	case "", "0.0", "1.0", "2.0", "3.0", "4.0", "4.1", "5.0":
		return true
	}
	return false
}

// byDetail goes by subject and detail of RFC 3463 §3. Of permanent failures,
// the address's own (X.1, disabled mailboxes, no such domain) are hard; those of
// the mailbox's state, the server, the network, the protocol, the content and
// policy (X.7 says nothing about the address) are soft.
func byDetail(status string) (Kind, bool) {
	_, detail, _ := strings.Cut(status, ".")
	switch detail {
	case "", "0.0", "5.0":
		return 0, false
	case "1.7", "1.8": // the sender's address is at fault
		return Soft, true
	case "2.1", "4.4", "4.310": // disabled; no next hop; Exchange Online for no such domain
		return Hard, true
	}
	if strings.HasPrefix(detail, "1.") {
		return Hard, true
	}
	return Soft, true
}

// byCode goes by the SMTP code, where no status tells more (RFC 5321 §4.2.3).
// What has no reason at all condemns no address.
func byCode(reply mail.RemoteReply) Kind {
	switch {
	case reply.Code == 552 || reply.Code == 554: // storage; "transaction failed", mostly policy
		return Soft
	case reply.Code/100 == 5 || reply.Status != "":
		return Hard
	}
	return Soft
}

// kindOfWords reads lower-case text, 0 when it tells nothing. Words for a good
// address win: what is wrongly kept is tried once more, what is wrongly
// dropped is lost.
func kindOfWords(text string) Kind {
	for _, w := range softWords {
		if strings.Contains(text, w) {
			return Soft
		}
	}
	for _, w := range hardWords {
		if strings.Contains(text, w) {
			return Hard
		}
	}
	return 0
}

var softWords = []string{
	"mailbox full", "mailbox is full", "quota", "insufficient storage", "insufficient system storage",
	"spam", "blocked", "blacklist", "blocklist", "block list", "dnsbl", "policy", "dmarc", "dkim", "reputation", "virus",
	"too large", "too big", "size limit", "exceeds the maximum", "too many", "rate limit", "greylist",
	"temporar", "try again later", "timed out", "timeout", "connection refused", "access denied", "relaying denied",
	"not permitted", "not authorized", "not allowed",
}

var hardWords = []string{
	"user unknown", "unknown user", "unknown recipient", "recipient unknown", "unknown address", "unknown or illegal alias",
	"no such user", "nosuchuser", "no such recipient", "no such mailbox", "no such address", "no such person", "no mailbox here",
	"user not found", "mailbox not found", "recipient not found", "address not found", "not listed in",
	"mailbox unavailable", "does not exist", "doesn't exist", "doesn't have a", "does not have a",
	"invalid recipient", "invalid mailbox", "invalid address", "recipient address rejected",
	"is disabled", "has been disabled", "account disabled", "no longer",
	"unrouteable address", "unroutable address", "host not found", "domain not found", "couldn't find any host", "host unknown", "nonexistent domain",
}
