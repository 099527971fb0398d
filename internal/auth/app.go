package auth

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// An app password looks like pr-8h2k90qx-<26 digits>: a public prefix of 40
// bits by which it is found and listed, and 128 random bits. The digits are
// Crockford's Base32 in lower case, so that it survives being typed.
const (
	appStart     = "pr-"
	appPrefixLen = 8
	appSecretLen = 26
	appDigits    = "0123456789abcdefghjkmnpqrstvwxyz"
)

// scramIterations is the least that RFC 7677 §4 allows: more would defend
// only passwords that people choose.
const scramIterations = 4096

// NewAppPassword makes an app password. shown is what its owner sees, once;
// prefix, hash and scram are what the store keeps (mail.CredentialRecord).
func NewAppPassword() (shown, prefix, hash, scram string) {
	prefix = digits(appPrefixLen)
	shown = appStart + prefix + "-" + digits(appSecretLen)
	return shown, prefix, hashApp(shown), scramKeys(shown)
}

// digits gives n random Base32 digits.
func digits(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	for i := range b {
		b[i] = appDigits[b[i]&31]
	}
	return string(b)
}

// appPrefix gives the public prefix of a password in the form of an app
// password, and whether it has that form.
func appPrefix(password string) (string, bool) {
	rest, ok := strings.CutPrefix(canonicalApp(password), appStart)
	if !ok {
		return "", false
	}
	prefix, secret, ok := strings.Cut(rest, "-")
	if !ok || len(prefix) != appPrefixLen || len(secret) != appSecretLen ||
		strings.Trim(prefix+secret, appDigits) != "" {
		return "", false
	}
	return prefix, true
}

// canonicalApp undoes what phones do to a typed password: a capital at the
// start, a blank at the end.
func canonicalApp(password string) string {
	if len(password) > 2*(len(appStart)+appPrefixLen+1+appSecretLen) {
		return ""
	}
	return strings.ToLower(strings.TrimSpace(password))
}

// hashApp is one SHA-256: with 128 random bits nothing slower is needed.
func hashApp(password string) string {
	h := sha256.Sum256([]byte(canonicalApp(password)))
	return hex.EncodeToString(h[:])
}

func checkApp(hash, password string) bool {
	return subtle.ConstantTimeCompare([]byte(hash), []byte(hashApp(password))) == 1
}

// scramKeys gives the SCRAM-SHA-256 keys of RFC 5802 §3 as
// 'iterations:salt:StoredKey:ServerKey', the last three in Base64.
func scramKeys(password string) string {
	salt := make([]byte, 16)
	rand.Read(salt)
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramIterations, sha256.Size)
	if err != nil { // only where FIPS mode forbids the lengths, which are right
		return ""
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%d:%s:%s:%s", scramIterations, b64(salt), b64(stored[:]), b64(mac(salted, "Server Key")))
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}
