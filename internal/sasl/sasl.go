// Package sasl has the server side of the mechanisms that SMTP and IMAP
// share: PLAIN (RFC 4616) and LOGIN, which Outlook still needs.
package sasl

import (
	"bytes"
	"errors"
	"strings"

	"github.com/emersion/go-sasl"
)

// Verify checks one log-in; its error ends the exchange and comes out of Next
// as it is.
type Verify func(login, password string) error

// ErrMalformed is what a response that does not follow the mechanism gives.
var ErrMalformed = errors.New("malformed authentication response")

// ErrAuthzid is the answer to a wish to act for somebody else.
var ErrAuthzid = errors.New("authorization as somebody else is not possible")

// Mechanisms lists the names in the order they are advertised.
func Mechanisms() []string { return []string{"PLAIN", "LOGIN"} }

// New gives the server of a mechanism by its name in upper case, nil when it
// is not known.
func New(mechanism string, v Verify) sasl.Server {
	switch mechanism {
	case "PLAIN":
		return &plain{verify: v}
	case "LOGIN":
		return &login{verify: v}
	}
	return nil
}

type plain struct {
	verify Verify
	done   bool
}

// Next reads [authzid] NUL authcid NUL passwd (RFC 4616 §2).
func (p *plain) Next(response []byte) (challenge []byte, done bool, err error) {
	if p.done {
		return nil, false, sasl.ErrUnexpectedClientResponse
	}
	if response == nil {
		return []byte{}, false, nil
	}
	p.done = true
	f := bytes.Split(response, []byte{0})
	if len(f) != 3 || len(f[1]) == 0 {
		return nil, false, ErrMalformed
	}
	if len(f[0]) > 0 && !strings.EqualFold(string(f[0]), string(f[1])) {
		return nil, false, ErrAuthzid
	}
	return nil, true, p.verify(string(f[1]), string(f[2]))
}

type login struct {
	verify Verify
	user   string
	state  int // 0: nothing seen, 1: asked for the name, 2: asked for the password, 3: done
}

// Next runs the two questions of draft-murchison-sasl-login. A client may
// send the name as its initial response.
func (l *login) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case l.state == 0 && response == nil:
		l.state = 1
		return []byte("Username:"), false, nil
	case l.state < 2:
		if len(response) == 0 {
			return nil, false, ErrMalformed
		}
		l.user, l.state = string(response), 2
		return []byte("Password:"), false, nil
	case l.state == 2:
		l.state = 3
		return nil, true, l.verify(l.user, string(response))
	}
	return nil, false, sasl.ErrUnexpectedClientResponse
}
