package delivery

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"postroom/internal/mail"
)

// ReturnSecretStore keeps the secrets of return addresses; store.Store is one.
type ReturnSecretStore interface {
	ReturnSecrets(ctx context.Context) (all []mail.ReturnSecret, due bool, err error)
	AddReturnSecret(ctx context.Context, seal func(row string, fingerprint []byte) ([]byte, error)) error
}

// Sealer is the master key; secret.Ring is one.
type Sealer interface {
	Open(table, row string, sealed []byte) ([]byte, error)
	Seal(table, row string, plain, fingerprint []byte) ([]byte, error)
}

// ReturnRing opens the secrets that sign return addresses, makes them when
// they are due, and keeps them for a minute, so that a message costs no look-up.
type ReturnRing struct {
	store ReturnSecretStore
	key   Sealer
	now   func() time.Time

	mu    sync.Mutex
	kept  [][]byte
	until time.Time
}

const (
	returnSecretTable = "return_secrets"
	returnSecretSize  = 32
	returnSecretTime  = 10 * time.Second
)

// NewReturnRing makes a ReturnRing. now may be nil.
func NewReturnRing(store ReturnSecretStore, key Sealer, now func() time.Time) *ReturnRing {
	if now == nil {
		now = time.Now
	}
	return &ReturnRing{store: store, key: key, now: now}
}

// Secrets gives at least one secret, that which signs first.
func (r *ReturnRing) Secrets(ctx context.Context) ([][]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now().Before(r.until) {
		return r.kept, nil
	}
	ctx, cancel := context.WithTimeout(ctx, returnSecretTime) // others wait for it
	defer cancel()
	sealed, due, err := r.store.ReturnSecrets(ctx)
	if err == nil && due {
		sealed, err = r.renew(ctx, sealed)
	}
	if err != nil {
		return nil, err
	}
	var opened [][]byte
	for _, x := range sealed {
		plain, err := r.key.Open(returnSecretTable, x.SecretRow(), x.Sealed)
		if err != nil {
			return nil, mail.Wrap(mail.CodeUnavailable, err, "the secret of return addresses cannot be opened")
		}
		opened = append(opened, plain)
	}
	r.kept, r.until = opened, r.now().Add(keyAge)
	return opened, nil
}

// renew makes a secret and reads all again. While there are others, one that
// cannot be made keeps no mail from leaving.
func (r *ReturnRing) renew(ctx context.Context, have []mail.ReturnSecret) ([]mail.ReturnSecret, error) {
	err := r.store.AddReturnSecret(ctx, func(row string, fingerprint []byte) ([]byte, error) {
		plain := make([]byte, returnSecretSize)
		_, _ = rand.Read(plain)
		return r.key.Seal(returnSecretTable, row, plain, fingerprint)
	})
	if err != nil && len(have) > 0 {
		return have, nil
	}
	if err != nil {
		return nil, err
	}
	all, _, err := r.store.ReturnSecrets(ctx)
	return all, err
}
