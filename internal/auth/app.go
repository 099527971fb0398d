package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
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

// NewAppPassword makes an app password of an account whose SCRAM keys have
// these factors. shown is what its owner sees, once; prefix, hash and scram
// are what the store keeps (mail.CredentialRecord).
func NewAppPassword(f Factors) (shown, prefix, hash, scram string) {
	prefix = digits(appPrefixLen)
	shown = appStart + prefix + "-" + digits(appSecretLen)
	return shown, prefix, hashApp(shown), ScramKeys(shown, f)
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
