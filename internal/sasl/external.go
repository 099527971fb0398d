package sasl

import (
	"bytes"
	"context"
	"unicode/utf8"
)

// external takes an authorization identity, or nothing, from a client that a
// certificate has named already (RFC 4422 appendix A).
func external(x *Exchange) step {
	return func(ctx context.Context, response []byte) (_ []byte, _ step, err error) {
		if !utf8.Valid(response) || bytes.IndexByte(response, 0) >= 0 {
			return nil, nil, ErrMalformed
		}
		x.login = string(response)
		x.identity, err = x.auth.Certificate(ctx, x.login, x.conn.certificate(), x.conn.Peer)
		return nil, nil, err
	}
}
