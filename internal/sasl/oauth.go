package sasl

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"postroom/internal/mail"
)

var errNoToken = mail.Errorf(mail.CodeBadCredentials, "a bearer token is needed")

// oauthBearer is OAUTHBEARER (RFC 7628 §3).
func oauthBearer(x *Exchange) step {
	return func(ctx context.Context, response []byte) ([]byte, step, error) {
		m, err := parseBearer(response)
		if err != nil {
			return nil, nil, err
		}
		x.login = m.user
		// What the client took us for must be what it reached (§3.2).
		// Deviation: the port is not compared, since containers and load
		// balancers map it.
		if name := x.conn.TLS.ServerName; m.host != "" && name != "" && !strings.EqualFold(m.host, name) {
			return nil, nil, mail.Errorf(mail.CodeBadCredentials, "that token is for another host")
		}
		return x.token(ctx, m.token, struct {
			Status    string `json:"status"`
			Discovery string `json:"openid-configuration"`
		}{"invalid_token", x.auth.TokenDiscovery()})
	}
}

// xoauth2 is the mechanism that came before it, which Outlook and others use.
func xoauth2(x *Exchange) step {
	return func(ctx context.Context, response []byte) ([]byte, step, error) {
		m, err := parseXOAuth2(response)
		if err != nil {
			return nil, nil, err
		}
		x.login = m.user
		return x.token(ctx, m.token, struct {
			Status  string `json:"status"`
			Schemes string `json:"schemes"`
		}{"401", "bearer"})
	}
}

// token has the token checked. A refusal goes to the client as a challenge in
// JSON; it answers with a dummy, and then the exchange has failed
// (RFC 7628 §3.2.3). What is only temporary fails at once.
func (x *Exchange) token(ctx context.Context, token string, refusal any) ([]byte, step, error) {
	err := error(errNoToken)
	if token != "" {
		x.identity, err = x.auth.Token(ctx, x.login, token, x.conn.Peer)
	}
	if err == nil || temporary(err) {
		return nil, nil, err
	}
	challenge, jsonErr := json.Marshal(refusal)
	if jsonErr != nil {
		return nil, nil, jsonErr
	}
	x.refuse(err)
	return challenge, func(context.Context, []byte) ([]byte, step, error) { return nil, nil, err }, nil
}

// bearer is what both mechanisms carry.
type bearer struct {
	user  string // "" when not given
	host  string // "" when not given
	token string // "" when there is none of type Bearer
}

// parseBearer reads
//
//	client-resp = gs2-header kvsep *(key "=" value kvsep) kvsep   ; RFC 7628 §3.1
//
// with kvsep %x01. Errors are ErrMalformed.
func parseBearer(b []byte) (m bearer, err error) {
	header, rest, ok := strings.Cut(string(b), "\x01")
	f := strings.Split(header, ",")
	// "p=" would bind to the channel, which the mechanism cannot do.
	if !ok || len(f) != 3 || f[0] != "n" && f[0] != "y" || f[2] != "" {
		return m, ErrMalformed
	}
	if m.user, err = optionalName(f[1]); err != nil {
		return m, err
	}
	pairs, err := keyValues(rest)
	m.host, m.token = pairs["host"], bearerToken(pairs["auth"])
	return m, err
}

// parseXOAuth2 reads "user=" name %x01 "auth=Bearer " token %x01 %x01.
func parseXOAuth2(b []byte) (m bearer, err error) {
	pairs, err := keyValues(string(b))
	if err != nil || pairs["user"] == "" {
		return m, ErrMalformed
	}
	return bearer{user: pairs["user"], token: bearerToken(pairs["auth"])}, nil
}

// keyValues reads *(key "=" value %x01) %x01. Unknown keys are ignored; a
// known one that comes twice is malformed, since readers may differ in which
// counts.
func keyValues(s string) (map[string]string, error) {
	s, ok := strings.CutSuffix(s, "\x01\x01")
	if !ok || bytes.IndexByte([]byte(s), 0) >= 0 {
		return nil, ErrMalformed
	}
	pairs := map[string]string{}
	for pair := range strings.SplitSeq(s, "\x01") {
		key, value, ok := strings.Cut(pair, "=")
		_, twice := pairs[key]
		switch {
		case !ok || key == "" || twice:
			return nil, ErrMalformed
		case key == "auth" || key == "host" || key == "user":
			pairs[key] = value
		}
	}
	return pairs, nil
}

// bearerToken gives the token of an Authorization value; the name of the
// scheme has no case (RFC 7628 §4).
func bearerToken(auth string) string {
	scheme, token, _ := strings.Cut(auth, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
