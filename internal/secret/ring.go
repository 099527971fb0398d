package secret

import (
	"bytes"
	"errors"
	"slices"
	"sync"
)

// Ring opens secrets with whichever key sealed them. `postroom key rotate`
// runs beside a serving node: the node then meets secrets sealed under a key
// it has not seen, and looks at the key file again.
type Ring struct {
	path, env string

	mu   sync.Mutex
	keys []*Key // the last that opened something stands first
}

// NewRing makes a Ring that starts with current and reads more keys as
// Candidates does.
func NewRing(current *Key, path, env string) *Ring {
	return &Ring{path: path, env: env, keys: []*Key{current}}
}

// Open decrypts as Key.Open.
func (r *Ring) Open(table, row string, sealed []byte) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	plain, err := r.tryAll(table, row, sealed)
	if !errors.Is(err, ErrSealed) {
		return plain, err
	}
	if keys := Candidates(r.path, r.env); len(keys) > 0 {
		r.keys = keys
	}
	return r.tryAll(table, row, sealed)
}

// Seal encrypts as Key.Seal under the key with that fingerprint: the one that
// the database names. ErrSealed when it is not at hand.
func (r *Ring) Seal(table, row string, plain, fingerprint []byte) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range append(slices.Clone(r.keys), Candidates(r.path, r.env)...) {
		if bytes.Equal(k.Fingerprint(), fingerprint) {
			return k.Seal(table, row, plain), nil
		}
	}
	return nil, ErrSealed
}

func (r *Ring) tryAll(table, row string, sealed []byte) ([]byte, error) {
	for i, k := range r.keys {
		plain, err := k.Open(table, row, sealed)
		if err == nil {
			r.keys[0], r.keys[i] = r.keys[i], r.keys[0]
			return plain, nil
		}
	}
	return nil, ErrSealed
}
