package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/xdg-go/stringprep"

	"postroom/internal/mail"
)

// scramIterations is what RFC 7677 §4 gives as its rule of thumb. One count
// serves all, since a count of their own would mark accounts.
const scramIterations = 16384

const saltSize = 16

// Factors are what a SCRAM client must know to derive its keys. A client tells
// its name before anything of its password, so all keys of an account share
// them: each proof is tried against each key. The salt keeps accounts and
// instances apart; within an account the random 128 bits of app passwords need
// no salt.
type Factors struct {
	Salt       []byte
	Iterations int
}

func (f Factors) equal(g Factors) bool {
	return f.Iterations == g.Iterations && bytes.Equal(f.Salt, g.Salt)
}

// NewFactors gives the factors for a further key of an account: those of its
// keys, or when it has none those derived from the directory's secret
// (Directory.ScramSecret) and the primary address. That is what strangers were
// told before, so that they do not see keys come.
func NewFactors(secret []byte, primary mail.Address, creds []mail.CredentialRecord) Factors {
	return factors(secret, loginKey(primary), creds)
}

// factors is NewFactors for a name that may be nobody's. An account's further
// addresses show the same salt once it has keys; that both exist is no secret,
// RCPT tells it.
func factors(secret []byte, name string, creds []mail.CredentialRecord) Factors {
	for _, c := range creds {
		if k, err := parseKeys(c.Scram); err == nil {
			return k.Factors
		}
	}
	return Factors{Salt: mac(secret, name)[:saltSize], Iterations: scramIterations}
}

// keys are what the store keeps of one password for SCRAM-SHA-256.
type keys struct {
	Factors
	stored, server []byte // StoredKey and ServerKey of RFC 5802 §3
}

// ScramKeys derives the keys of a password in the form that the store keeps,
// 'iterations:salt:StoredKey:ServerKey', the last three in Base64. "" when no
// client could derive them: SASLprep (RFC 4013) refuses the password.
func ScramKeys(password string, f Factors) string {
	prepared, err := stringprep.SASLprep.Prepare(password)
	if err != nil || prepared == "" {
		return ""
	}
	salted, err := pbkdf2.Key(sha256.New, prepared, f.Salt, f.Iterations, sha256.Size)
	if err != nil { // only where FIPS mode forbids the lengths, which are right
		return ""
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%d:%s:%s:%s", f.Iterations, b64(f.Salt), b64(stored[:]), b64(mac(salted, "Server Key")))
}

var errKeys = errors.New("stored SCRAM keys are not readable")

// parseKeys reads what ScramKeys wrote.
func parseKeys(s string) (k keys, err error) {
	f := strings.Split(s, ":")
	if len(f) != 4 {
		return k, errKeys
	}
	k.Iterations, err = strconv.Atoi(f[0])
	var errs [3]error
	for i, at := range []*[]byte{&k.Salt, &k.stored, &k.server} {
		*at, errs[i] = base64.StdEncoding.DecodeString(f[i+1])
	}
	if errors.Join(append(errs[:], err)...) != nil || k.Iterations < 1 || len(k.Salt) == 0 ||
		len(k.stored) != sha256.Size || len(k.server) != sha256.Size {
		return keys{}, errKeys
	}
	return k, nil
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}
