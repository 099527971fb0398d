package sasltest

import (
	"crypto/tls"
	"fmt"
	"strings"

	"github.com/xdg-go/scram"
)

// Client is the client's side of an exchange: it takes a challenge, nil for
// the initial response, and gives its response.
type Client func(challenge []byte) (response []byte, err error)

// Says answers with these in order.
func Says(responses ...string) Client {
	return func([]byte) ([]byte, error) {
		if len(responses) == 0 {
			return nil, fmt.Errorf("a challenge too many")
		}
		r := responses[0]
		responses = responses[1:]
		return []byte(r), nil
	}
}

// The ways in which a client may bind.
const (
	BindNot      = "n"
	BindUnheard  = "y"
	BindExporter = "tls-exporter"
	BindUnique   = "tls-unique"
)

// Scram is a whole SCRAM-SHA-256 client, which also checks that the server
// knows its keys. state is that of its TLS.
func Scram(name, password, authzid, bind string, state *tls.ConnectionState) Client {
	c, err := scram.SHA256.NewClient(name, password, authzid)
	if err != nil {
		return func([]byte) ([]byte, error) { return nil, err }
	}
	conv := c.NewConversation()
	switch bind {
	case BindUnheard:
		conv = c.NewConversationAdvertisingChannelBinding()
	case BindUnique:
		conv = c.NewConversationWithChannelBinding(scram.NewTLSUniqueBinding(state.TLSUnique))
	case BindExporter:
		cb, err := scram.NewTLSExporterBinding(state)
		if err != nil {
			return func([]byte) ([]byte, error) { return nil, err }
		}
		conv = c.NewConversationWithChannelBinding(cb)
	}
	return func(challenge []byte) ([]byte, error) {
		r, err := conv.Step(string(challenge))
		return []byte(r), err
	}
}

// Altered changes what a client says.
func Altered(c Client, old, replacement string) Client {
	return func(challenge []byte) ([]byte, error) {
		r, err := c(challenge)
		return []byte(strings.Replace(string(r), old, replacement, 1)), err
	}
}
