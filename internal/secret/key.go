// Package secret seals what must not be readable in a database dump (DKIM
// keys, smarthost passwords) under the instance's master key, and keeps that
// key in a file of its own.
package secret

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// KeySize is the length of the master key in octets.
const KeySize = 32

// sealVersion is the first octet of everything sealed, so that another
// construction can follow without guessing.
const sealVersion = 1

// ErrSealed is what Open gives when the octets were sealed under another key,
// for another row, or were changed.
var ErrSealed = errors.New("secret: not sealed under this key for this row")

// Key is the master key. It has no String and prints as "master key", so that
// no log line can show it.
type Key struct {
	raw         [KeySize]byte
	sealing     []byte
	fingerprint []byte
}

// NewKey makes a random key.
func NewKey() (*Key, error) {
	var raw [KeySize]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return nil, err
	}
	return keyOf(raw)
}

// ParseKey reads the text form: Base64 (standard or URL alphabet, with or
// without padding) of 32 octets, as in the key file and the environment.
func ParseKey(text string) (*Key, error) {
	text = strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(strings.TrimSpace(text))
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(b) != KeySize {
		return nil, fmt.Errorf("a master key is the Base64 of %d octets (as `openssl rand -base64 %d` makes)", KeySize, KeySize)
	}
	return keyOf([KeySize]byte(b))
}

// keyOf derives what is used: the raw key itself never touches a cipher, and
// the fingerprint says nothing about the sealing key.
func keyOf(raw [KeySize]byte) (*Key, error) {
	sealing, err := hkdf.Key(sha256.New, raw[:], nil, "postroom seal 1", chacha20poly1305.KeySize)
	if err != nil {
		return nil, err
	}
	fingerprint, err := hkdf.Key(sha256.New, raw[:], nil, "postroom fingerprint 1", 16)
	if err != nil {
		return nil, err
	}
	return &Key{raw: raw, sealing: sealing, fingerprint: fingerprint}, nil
}

// Fingerprint gives 16 octets that name the key without telling it.
func (k *Key) Fingerprint() []byte { return append([]byte(nil), k.fingerprint...) }

// Format keeps the key, and a copy of it, out of %v and friends.
func (Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("master key")) }

// text is the file's content.
func (k *Key) text() []byte {
	return []byte(base64.StdEncoding.EncodeToString(k.raw[:]) + "\n")
}

// Seal encrypts plain for one row of one table. The result opens for that row
// only: a sealed secret that is copied to another row is useless there.
func (k *Key) Seal(table, row string, plain []byte) []byte {
	aead, err := chacha20poly1305.NewX(k.sealing)
	if err != nil { // the key's length is fixed above
		panic("secret: " + err.Error())
	}
	out := make([]byte, 1+aead.NonceSize(), 1+aead.NonceSize()+len(plain)+aead.Overhead())
	out[0] = sealVersion
	if _, err := rand.Read(out[1:]); err != nil { // crypto/rand never fails; Go ends the program first
		panic("secret: " + err.Error())
	}
	return aead.Seal(out, out[1:], plain, associated(table, row))
}

// Open decrypts what Seal made for the same table and row; ErrSealed else.
func (k *Key) Open(table, row string, sealed []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(k.sealing)
	if err != nil {
		return nil, err
	}
	if len(sealed) < 1+aead.NonceSize() || sealed[0] != sealVersion {
		return nil, ErrSealed
	}
	nonce := sealed[1 : 1+aead.NonceSize()]
	plain, err := aead.Open(nil, nonce, sealed[1+aead.NonceSize():], associated(table, row))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// associated binds a sealed secret to its place. Table names hold no NUL.
func associated(table, row string) []byte {
	return []byte("postroom\x00" + table + "\x00" + row)
}
