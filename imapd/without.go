package imapd

import (
	"fmt"
	"slices"
	"strings"
)

// Without is a capability that sessions do not get, because a program breaks on
// it or nobody needs it.
type Without struct {
	Capability string
	Client     string // part of what the client calls itself by ID; "": every client
}

// ParseWithout reads CAPABILITY or CAPABILITY:client. The protocol itself, and
// what a log-in depends on, cannot be left out.
func ParseWithout(text string) (Without, error) {
	name, client, _ := strings.Cut(text, ":")
	i := slices.IndexFunc(capabilities, func(c capability) bool { return strings.EqualFold(c.name, name) })
	if i < 0 || capabilities[i].states&loggedIn == 0 || strings.HasPrefix(capabilities[i].name, "IMAP4") {
		return Without{}, fmt.Errorf("no capability of that name can be left out: %q", name)
	}
	return Without{capabilities[i].name, strings.ToLower(client)}, nil
}

// without tells whether this session does not get a capability: it is neither
// advertised nor enabled, and its commands are unknown. Most clients tell their
// name right after the log-in; what they enabled before stays.
func (s *session) without(name string) bool {
	return slices.ContainsFunc(s.srv.Without, func(w Without) bool {
		return w.Capability == name && strings.Contains(strings.ToLower(s.client), w.Client)
	})
}
