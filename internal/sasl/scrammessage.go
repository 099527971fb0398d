package sasl

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// clientFirst is the client-first-message of RFC 5802 §7.
type clientFirst struct {
	header     string // the GS2 header, with its last comma
	binding    string // name of the channel binding, "" when none is used
	downgraded bool   // flag "y": the client could bind, and thinks that we cannot
	authzid    string
	bare       string
	name       string
	nonce      string
}

// parseClientFirst reads
//
//	gs2-header "n=" saslname ",r=" c-nonce ["," extensions]
//
// Errors are ErrMalformed.
func parseClientFirst(s string) (m clientFirst, err error) {
	f, err := parts(s)
	if err != nil || len(f) < 4 || !utf8.ValidString(s) {
		return m, ErrMalformed
	}
	var ok bool
	switch {
	case f[0] == "n":
	case f[0] == "y":
		m.downgraded = true
	default:
		if m.binding, ok = strings.CutPrefix(f[0], "p="); !ok || m.binding == "" {
			return m, ErrMalformed
		}
	}
	if m.authzid, err = optionalName(f[1]); err != nil {
		return m, err
	}
	m.header = f[0] + "," + f[1] + ","
	m.bare = s[len(m.header):]
	// "m=" in place of the name asks for an extension that we do not have.
	if m.name, err = attributeName(f[2], "n="); err != nil {
		return m, err
	}
	if m.nonce, ok = strings.CutPrefix(f[3], "r="); !ok || !printable(m.nonce) || !extensions(f[4:]) {
		return m, ErrMalformed
	}
	return m, nil
}

// optionalName reads an authzid, "a=" saslname or nothing.
func optionalName(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	return attributeName(s, "a=")
}

// attributeName reads a saslname behind its attribute: "=2C" and "=3D" stand
// for "," and "=", and no other "=" may.
func attributeName(s, attribute string) (string, error) {
	name, ok := strings.CutPrefix(s, attribute)
	rest := strings.NewReplacer("=2C", "", "=3D", "").Replace(name)
	if !ok || name == "" || strings.ContainsAny(rest, "=\x00") {
		return "", ErrMalformed
	}
	return strings.NewReplacer("=2C", ",", "=3D", "=").Replace(name), nil
}

// printable tells a nonce: visible ASCII without a comma, and some of it.
func printable(s string) bool {
	for _, c := range []byte(s) {
		if c < 0x21 || c > 0x7e || c == ',' {
			return false
		}
	}
	return s != ""
}

// extensions tells whether all are of the form attr-val; what they mean is
// ignored, but for the mandatory "m".
func extensions(f []string) bool {
	for _, e := range f {
		if len(e) < 3 || e[1] != '=' || e[0] == 'm' || e[0]|0x20 < 'a' || e[0]|0x20 > 'z' || strings.IndexByte(e, 0) >= 0 {
			return false
		}
	}
	return true
}

// clientFinal is the client-final-message of RFC 5802 §7.
type clientFinal struct {
	withoutProof string
	input        string // decoded c=
	nonce        string
	proof        []byte // decoded p=
}

// parseClientFinal reads
//
//	"c=" base64 ",r=" nonce ["," extensions] ",p=" base64
//
// Errors are ErrMalformed.
func parseClientFinal(s string) (m clientFinal, err error) {
	f, err := parts(s)
	if err != nil || len(f) < 3 || !utf8.ValidString(s) {
		return m, ErrMalformed
	}
	last := len(f) - 1
	input, ok1 := strings.CutPrefix(f[0], "c=")
	nonce, ok2 := strings.CutPrefix(f[1], "r=")
	proof, ok3 := strings.CutPrefix(f[last], "p=")
	if !ok1 || !ok2 || !ok3 || !printable(nonce) || !extensions(f[2:last]) {
		return m, ErrMalformed
	}
	bound, err1 := base64.StdEncoding.Strict().DecodeString(input)
	m.proof, err = base64.StdEncoding.Strict().DecodeString(proof)
	if err != nil || err1 != nil || strings.ContainsAny(input+proof, "\r\n") {
		return m, ErrMalformed
	}
	m.input, m.nonce, m.withoutProof = string(bound), nonce, s[:len(s)-len(f[last])-1]
	return m, nil
}
