package sasl

import "postroom/internal/mail"

// Mechanism is a row of the table.
type Mechanism struct {
	Name string // as advertised
	RFC  string // where it stands
	// when limits where it is offered, beyond what the protocol asks of the
	// connection before any log-in; nil: everywhere.
	when func(Conn, Authenticator) bool
	// prompt is the first challenge, where the client sent nothing yet.
	prompt string
	start  func(*Exchange) step
}

// mechanisms is THE table, in the order in which they are advertised.
var mechanisms = []Mechanism{
	{Name: "SCRAM-SHA-256-PLUS", RFC: "7677", when: binds, start: scramPlus},
	{Name: "SCRAM-SHA-256", RFC: "7677", when: scrams, start: scram},
	{Name: "PLAIN", RFC: "4616", start: plain},
	{Name: "LOGIN", RFC: "draft-murchison-sasl-login", prompt: "Username:", start: login},
	{Name: "OAUTHBEARER", RFC: "7628", when: takesTokens, start: oauthBearer},
	{Name: "XOAUTH2", RFC: "developers.google.com/gmail/imap/xoauth2-protocol", when: takesTokens, start: xoauth2},
	{Name: "EXTERNAL", RFC: "4422", when: certified, start: external},
}

// Mechanisms gives the table.
func Mechanisms() []Mechanism { return mechanisms }

// Offered tells whether the connection may use the mechanism.
func (m Mechanism) Offered(c Conn, a Authenticator) bool { return m.when == nil || m.when(c, a) }

// Offered gives the names of all that the connection may use, in order.
func Offered(c Conn, a Authenticator) (names []string) {
	for _, m := range mechanisms {
		if m.Offered(c, a) {
			names = append(names, m.Name)
		}
	}
	return names
}

func scrams(_ Conn, a Authenticator) bool { return a.OffersScram() }

func binds(c Conn, a Authenticator) bool { return a.OffersScram() && len(c.bindings()) > 0 }

// takesTokens: only inside TLS (RFC 7628 §3), whatever the configuration says.
func takesTokens(c Conn, a Authenticator) bool { return c.TLS != nil && a.TokenDiscovery() != "" }

func certified(c Conn, _ Authenticator) bool { return c.certificate() != nil }

// temporary tells an error that says nothing about the client.
func temporary(err error) bool {
	return mail.Is(err, mail.CodeUnavailable) || mail.Is(err, mail.CodeThrottled)
}
