package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"net/netip"
	"sync"

	"postroom/internal/mail"
)

// OffersScram tells whether SCRAM is switched on.
func (a *Authenticator) OffersScram() bool { return !a.withoutScram }

// Scram is a SCRAM-SHA-256 exchange of which the client has told its name.
type Scram struct {
	Factors // what the server-first message tells
	// Finish checks the client's proof of the exchange's AuthMessage
	// (RFC 5802 §3). It gives who proved, and the ServerSignature that shows
	// the client that we hold its keys. Errors are those of Password.
	Finish func(ctx context.Context, authMessage, proof []byte) (Identity, []byte, error)
}

// Scram begins an exchange for a login (an address). Who does not exist, or
// has no keys, gets factors that stay the same and look like anybody's, and
// fails at Finish as a wrong password does.
func (a *Authenticator) Scram(ctx context.Context, login string, peer netip.Addr) (*Scram, error) {
	t := newAttempt(login, peer)
	_, creds, err := a.open(ctx, &t)
	if err != nil {
		return nil, err
	}
	secret, err := a.secret.get(ctx, a.directory)
	if err != nil {
		return nil, unavailable(err)
	}
	name := loginKey(t.addr)
	if t.err != nil {
		name = login
	}
	x := &Scram{Factors: factors(secret, name, creds)}
	x.Finish = func(ctx context.Context, authMessage, proof []byte) (Identity, []byte, error) {
		return a.finish(ctx, t, x.Factors, authMessage, proof)
	}
	return x, nil
}

// finish reads the keys anew: what was revoked since the exchange began is of
// no use. It is held back anew too, or exchanges that were begun together
// would be as many free guesses.
func (a *Authenticator) finish(ctx context.Context, t attempt, f Factors, authMessage, proof []byte) (Identity, []byte, error) {
	acct, creds, err := a.open(ctx, &t)
	if err != nil {
		return Identity{}, nil, err
	}
	var cred *mail.CredentialRecord
	var signature []byte
	for i, c := range creds {
		if c.Kind != mail.CredentialApp && !a.forChosen {
			continue
		}
		k, err := parseKeys(c.Scram)
		if err != nil || !k.Factors.equal(f) {
			continue
		}
		if k.proves(authMessage, proof) {
			cred, signature = &creds[i], mac(k.server, string(authMessage))
		}
	}
	if cred == nil {
		return Identity{}, nil, a.bad(t)
	}
	id, err := a.admit(ctx, t, acct, cred)
	if err != nil {
		return Identity{}, nil, err
	}
	return id, signature, nil
}

// proves recovers the ClientKey from the proof and compares its hash with the
// StoredKey (RFC 5802 §3).
func (k keys) proves(authMessage, proof []byte) bool {
	if len(proof) != sha256.Size {
		return false
	}
	client := make([]byte, sha256.Size)
	subtle.XORBytes(client, proof, mac(k.stored, string(authMessage)))
	h := sha256.Sum256(client)
	return hmac.Equal(h[:], k.stored)
}

// secret keeps what the directory made, from the first exchange on.
type secret struct {
	mu    sync.Mutex
	value []byte
}

func (s *secret) get(ctx context.Context, d Directory) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.value == nil {
		v, err := d.ScramSecret(ctx)
		if err != nil {
			return nil, err
		}
		s.value = v
	}
	return s.value, nil
}
