package mail

import "time"

// The modes of an MTA-STS policy (RFC 8461 §3.2).
const (
	MTASTSNone    = "none"
	MTASTSTesting = "testing"
	MTASTSEnforce = "enforce"
)

// MTASTS is the MTA-STS policy of a domain (table mtasts_policies).
type MTASTS struct {
	Mode   string
	MaxAge time.Duration // whole seconds: how long senders may remember it
	MX     []string      // host names as A-labels, or "*." and the rest of them
}
