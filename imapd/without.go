package imapd

import (
	"context"
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

// String gives what ParseWithout reads.
func (w Without) String() string {
	if w.Client == "" {
		return w.Capability
	}
	return w.Capability + ":" + w.Client
}

// lookAtAccount asks whether the session may go on, and what it does not get.
func (s *session) lookAtAccount(ctx context.Context) error {
	if s.srv.StillValid == nil {
		return nil
	}
	names, err := s.srv.StillValid(ctx, s.identity)
	if err != nil {
		return err
	}
	s.leaveOut(names)
	return nil
}

// leaveOut sets what the account does not get.
func (s *session) leaveOut(names []string) {
	s.missing = nil
	for _, n := range names {
		if w, err := ParseWithout(n); err == nil { // else of another version
			s.missing = append(s.missing, w)
		}
	}
}

// without tells whether this session does not get a capability: it is neither
// advertised nor enabled, and its commands are unknown. Most clients tell their
// name right after the log-in; what they enabled before stays.
func (s *session) without(name string) bool {
	left := func(w Without) bool {
		return w.Capability == name && strings.Contains(strings.ToLower(s.client), w.Client)
	}
	return slices.ContainsFunc(s.srv.Without, left) || slices.ContainsFunc(s.missing, left)
}

// lacks tells whether this session does not get a command: all capabilities
// that it belongs to are left out.
func (s *session) lacks(c *command) bool {
	names := strings.Fields(c.capability)
	return len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return !s.without(n) })
}
