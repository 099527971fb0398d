package sasl

import (
	"bytes"
	"context"
)

// plain takes [authzid] NUL authcid NUL passwd (RFC 4616 §2).
func plain(x *Exchange) step {
	return func(ctx context.Context, response []byte) ([]byte, step, error) {
		f := bytes.Split(response, []byte{0})
		if len(f) != 3 || len(f[1]) == 0 {
			return nil, nil, ErrMalformed
		}
		x.login = string(f[1])
		if err := x.speakFor(string(f[0])); err != nil {
			return nil, nil, err
		}
		return nil, nil, x.password(ctx, string(f[2]))
	}
}

// login takes the answers to the two questions of draft-murchison-sasl-login,
// which Outlook still needs. A client may send the name as its initial
// response.
func login(x *Exchange) step {
	password := func(ctx context.Context, response []byte) ([]byte, step, error) {
		return nil, nil, x.password(ctx, string(response))
	}
	return func(_ context.Context, response []byte) ([]byte, step, error) {
		if len(response) == 0 {
			return nil, nil, ErrMalformed
		}
		x.login = string(response)
		return []byte("Password:"), password, nil
	}
}

func (x *Exchange) password(ctx context.Context, password string) (err error) {
	x.identity, err = x.auth.Password(ctx, x.login, password, x.conn.Peer)
	return err
}
