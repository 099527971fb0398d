package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"postroom/internal/mail"
)

// MaxPassword bounds a password in octets, so that nobody makes us hash megabytes.
const MaxPassword = 1024

// params are the cost of argon2id: 19 MiB, two passes, one lane.
type params struct {
	memory  uint32 // KiB
	passes  uint32
	lanes   uint8
	keySize uint32
}

var defaultParams = params{memory: 19 << 10, passes: 2, lanes: 1, keySize: 32}

// HashPassword gives the argon2id hash of a chosen password in PHC form. It
// refuses (CodeInvalid) what could never be used to log in: an empty or
// over-long password, one with NUL, one in the form of an app password.
func HashPassword(password string) (string, error) {
	p, err := prepare(password)
	if err != nil {
		return "", err
	}
	if _, ok := appPrefix(p); ok {
		return "", mail.Errorf(mail.CodeInvalid, "a chosen password cannot have the form of an app password")
	}
	salt := make([]byte, 16)
	rand.Read(salt)
	return encodePHC(defaultParams, salt, derive(p, salt, defaultParams)), nil
}

// prepare normalises a password as RFC 8265 §4.2 does in the main: NFC, so
// that it does not matter which keyboard composed an é.
func prepare(password string) (string, error) {
	switch {
	case password == "":
		return "", mail.Errorf(mail.CodeInvalid, "the password is empty")
	case len(password) > MaxPassword:
		return "", mail.Errorf(mail.CodeInvalid, "the password is longer than %d octets", MaxPassword)
	case strings.IndexByte(password, 0) >= 0:
		return "", mail.Errorf(mail.CodeInvalid, "the password holds a NUL")
	}
	return norm.NFC.String(password), nil
}

func derive(password string, salt []byte, p params) []byte {
	return argon2.IDKey([]byte(password), salt, p.passes, p.memory, p.lanes, p.keySize)
}

func encodePHC(p params, salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		p.memory, p.passes, p.lanes, b64.EncodeToString(salt), b64.EncodeToString(key))
}

var errPHC = errors.New("stored password hash is not readable")

// decodePHC reads what encodePHC wrote. Costs have bounds: a stored hash must
// not be able to take the process's memory.
func decodePHC(s string) (p params, salt, key []byte, err error) {
	f := strings.Split(s, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, errPHC
	}
	if _, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.lanes); err != nil {
		return p, nil, nil, errPHC
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(f[4])
	key, err2 := base64.RawStdEncoding.DecodeString(f[5])
	p.keySize = uint32(len(key))
	if err1 != nil || err2 != nil || len(salt) < 8 || len(key) < 16 || len(key) > 64 ||
		p.memory < 8 || p.memory > 256<<10 || p.passes < 1 || p.passes > 16 || p.lanes < 1 || p.lanes > 16 {
		return p, nil, nil, errPHC
	}
	return p, salt, key, nil
}

// checkPHC tells whether the password belongs to the stored hash.
func checkPHC(phc, password string) (bool, error) {
	p, salt, key, err := decodePHC(phc)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(derive(password, salt, p), key) == 1, nil
}
