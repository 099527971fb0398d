package sasl

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/xdg-go/stringprep"

	"postroom/internal/auth"
	"postroom/internal/mail"
)

var (
	errBinding   = mail.Errorf(mail.CodeBadCredentials, "channel binding does not match")
	errDowngrade = mail.Errorf(mail.CodeBadCredentials, "channel binding is offered here, and the client was not told")
)

func nonce() string { return rand.Text() }

// scram is SCRAM-SHA-256 (RFC 7677, RFC 5802 §5) without, scramPlus with
// channel binding.
func scram(x *Exchange) step     { return x.scramFirst(false) }
func scramPlus(x *Exchange) step { return x.scramFirst(true) }

func (x *Exchange) scramFirst(plus bool) step {
	return func(ctx context.Context, response []byte) ([]byte, step, error) {
		first, err := parseClientFirst(string(response))
		if err != nil {
			return nil, nil, err
		}
		// RFC 5802 §5.1: a name that SASLprep refuses, or leaves nothing of,
		// ends the exchange. What was received goes into the hashes.
		if x.login, err = stringprep.SASLprep.Prepare(first.name); err != nil || x.login == "" {
			return nil, nil, ErrMalformed
		}
		if err := x.speakFor(first.authzid); err != nil {
			return nil, nil, err
		}
		input, err := x.bindingInput(first, plus)
		if err != nil {
			return nil, nil, err
		}
		s, err := x.auth.Scram(ctx, x.login, x.conn.Peer)
		if err != nil {
			return nil, nil, err
		}
		nonce := first.nonce + x.nonce()
		challenge := "r=" + nonce + ",s=" + base64.StdEncoding.EncodeToString(s.Salt) + ",i=" + strconv.Itoa(s.Iterations)
		return []byte(challenge), x.scramFinal(s, input, nonce, first.bare+","+challenge), nil
	}
}

// bindingInput gives what the c= attribute of the client-final must hold, and
// refuses flags that do not fit the mechanism (RFC 5802 §6).
func (x *Exchange) bindingInput(first clientFirst, plus bool) (string, error) {
	all := x.conn.bindings()
	switch {
	case first.binding != "":
		data, ok := all[first.binding]
		if !plus || !ok {
			return "", errBinding
		}
		return first.header + string(data), nil
	case plus:
		return "", errBinding
	case first.downgraded && len(all) > 0:
		return "", errDowngrade
	}
	return first.header, nil
}

// scramFinal checks the client's proof. begun is the AuthMessage up to the
// client-final.
func (x *Exchange) scramFinal(s *auth.Scram, input, nonce, begun string) step {
	return func(ctx context.Context, response []byte) ([]byte, step, error) {
		final, err := parseClientFinal(string(response))
		switch {
		case err != nil:
			return nil, nil, err
		case final.nonce != nonce:
			return nil, nil, ErrMalformed
		case final.input != input:
			return nil, nil, errBinding
		}
		id, signature, err := s.Finish(ctx, []byte(begun+","+final.withoutProof), final.proof)
		if err != nil {
			return nil, nil, err
		}
		x.identity = id
		return []byte("v=" + base64.StdEncoding.EncodeToString(signature)), seen, nil
	}
}

// seen ends an exchange whose last challenge brought no question: SMTP and
// IMAP cannot send data with a success (RFC 4422 §5, item 2b), so the client
// answers it with nothing.
func seen(_ context.Context, response []byte) ([]byte, step, error) {
	if len(response) > 0 {
		return nil, nil, ErrMalformed
	}
	return nil, nil, nil
}

// parts splits a message at its commas after checking its length.
func parts(s string) ([]string, error) {
	const most = 4096 // octets: a name, two nonces and extensions
	if len(s) > most {
		return nil, ErrMalformed
	}
	return strings.Split(s, ","), nil
}
