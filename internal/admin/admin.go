// Package admin holds the administrative actions: what the command line, the
// web page and the API do. Each takes text as a person types it, checks it,
// does it through the store in one transaction with its audit row, and gives a
// plain result with JSON names. Errors are *mail.Error with hints.
package admin

import (
	"io"
	"time"

	"postroom/internal/address"
	"postroom/internal/auth"
	"postroom/internal/mail"
	"postroom/internal/secret"
)

// Config says for whom and with what the actions are done. Store and Actor are
// needed.
type Config struct {
	Store Store
	Actor mail.Actor
	// Key seals DKIM keys and smarthost passwords; nil when the master key is
	// not at hand: then only what needs none can be done.
	Key *secret.Key
	// HashPassword makes the argon2id hash of a chosen password; nil means
	// auth.HashPassword.
	HashPassword func(password string) (string, error)
	// ScramForPasswords keeps SCRAM keys of chosen passwords too. They cost a
	// guesser of a stolen database far less than argon2id.
	ScramForPasswords bool
	// Capability reads NAME or NAME:client of an IMAP capability that can be left
	// out; nil: none can.
	Capability func(string) (string, error)
	// Now and Rand are for tests; nil means the clock and crypto/rand.
	Now  func() time.Time
	Rand io.Reader
}

// Admin does administrative actions. It is safe for concurrent use.
type Admin struct {
	Config
}

// New makes an Admin.
func New(c Config) *Admin {
	if c.HashPassword == nil {
		c.HashPassword = auth.HashPassword
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Admin{c}
}

// key gives the master key, or tells what to do without one.
func (a *Admin) key() (*secret.Key, error) {
	if a.Key == nil {
		return nil, &mail.Error{Code: mail.CodeConflict, Text: "this needs the master key",
			Hint: "run it where master_key_file can be read, or set POSTROOM_MASTER_KEY"}
	}
	return a.Key, nil
}

// domainName reads a domain in U- or A-labels.
func domainName(s string) (string, error) {
	d, err := address.Domain(s)
	if err != nil {
		return "", &mail.Error{Code: mail.CodeInvalid, Text: quoted(s) + " is no domain name", Err: err,
			Hint: "a domain looks like example.com or bücher.example"}
	}
	return d, nil
}

// mailAddress reads local@domain in any spelling.
func mailAddress(s string) (mail.Address, error) {
	a, err := address.Parse(s)
	if err != nil {
		return a, &mail.Error{Code: mail.CodeInvalid, Text: quoted(s) + " is no mail address: " + mail.TextOf(err),
			Hint: "an address looks like name@example.com"}
	}
	return a, nil
}

// quoted shows what someone typed, cut to a readable length.
func quoted(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return "“" + s + "”"
}

// shown gives addresses for people.
func shown(as []mail.Address) []string {
	out := make([]string, len(as))
	for i, a := range as {
		out[i] = address.Display(a)
	}
	return out
}

// at gives nil for the zero time, which JSON then leaves out.
func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
