package mail

import (
	"net/netip"
	"time"
)

// Login is one log-in, or attempt at one, as the history keeps it; Count of
// them that are alike and of one day.
type Login struct {
	Account    AccountID    // 0: of a failure, whoever has Address
	Address    Address      // that a failure was about
	Credential CredentialID // 0: by a token or a certificate, and of failures
	Label      string       // of the credential, in answers only
	Network    netip.Prefix
	Peer       netip.Addr // of the last
	Protocol   string     // "smtp", "imap"
	Mechanism  string     // "PLAIN"; "LOGIN" is IMAP's command, too
	Client     string     // what it says it is
	TLS        string     // of the last: "TLS 1.3"; "" without
	Reason     string     // of a failure, as the log has it; "": success
	Count      int
	FirstAt    time.Time // in answers only; the store's clock counts
	LastAt     time.Time
}

// AnyNetwork is the Network of counters that are not about one.
var AnyNetwork = netip.PrefixFrom(netip.IPv6Unspecified(), 0)

// LoginCounter names what failed log-ins are counted by: a network (Account 0),
// what strangers try at an account (AnyNetwork), and an account from a network
// that is its own.
type LoginCounter struct {
	Account AccountID
	Network netip.Prefix
}

// LoginFailures is what a counter stands at.
type LoginFailures struct {
	Failures int
	Age      time.Duration // since the last one
}

// LoginState is what the store knows about a log-in's account and network.
type LoginState struct {
	// Counters that stand above zero, of the network, the account, and both.
	Counters map[LoginCounter]LoginFailures
	// Known tells that the account has been in from the network, and SeenDays
	// how many days ago it last was.
	Known    bool
	SeenDays int
}

// LoginFilter picks rows of an account's history.
type LoginFilter struct {
	Failed bool // failures only
	Limit  int  // the newest; 0: all
}
