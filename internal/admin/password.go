package admin

import (
	"context"
	"crypto/rand"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"postroom/internal/auth"
	"postroom/internal/mail"
)

// minPassword is the least number of characters of a chosen password: what
// NIST SP 800-63B asks for. Length is all that is asked.
const minPassword = 8

func (a *Admin) hash(password string) (string, error) {
	if n := utf8.RuneCountInString(password); n < minPassword {
		return "", &mail.Error{Code: mail.CodeInvalid, Text: "that password is too short",
			Hint: "take at least " + strconv.Itoa(minPassword) + " characters, or let one be generated"}
	}
	return a.HashPassword(password)
}

// scram gives the SCRAM keys of a chosen password, "" when none are kept. have
// are the account's credentials.
func (a *Admin) scram(ctx context.Context, primary mail.Address, password string, have []mail.CredentialRecord) (string, error) {
	if !a.ScramForPasswords {
		return "", nil
	}
	secret, err := a.Store.ScramSecret(ctx)
	if err != nil {
		return "", err
	}
	return auth.ScramKeys(password, auth.NewFactors(secret, primary, have)), nil
}

// passwordLetters leaves out what looks alike.
const passwordLetters = "abcdefghijkmnpqrstuvwxyz23456789"

// generatePassword gives 100 random bits in groups of five letters.
func (a *Admin) generatePassword() string {
	random := a.Rand
	if random == nil {
		random = rand.Reader
	}
	var b [20]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		_, _ = rand.Read(b[:]) // a test's source that ran dry
	}
	var out strings.Builder
	for i, x := range b {
		if i > 0 && i%5 == 0 {
			out.WriteByte('-')
		}
		out.WriteByte(passwordLetters[x&31])
	}
	return out.String()
}

// SetPassword changes the chosen password and ends the sessions of the old one.
func (a *Admin) SetPassword(ctx context.Context, addr, password string) (Account, error) {
	return a.onAccount(ctx, addr, func(id mail.AccountID) error {
		hash, err := a.hash(password)
		if err != nil {
			return err
		}
		primary, have, err := a.credentials(ctx, id)
		if err != nil {
			return err
		}
		scram, err := a.scram(ctx, primary, password, have)
		if err != nil {
			return err
		}
		return a.Store.SetPassword(ctx, a.Actor, id, hash, scram)
	})
}

// GeneratePassword is SetPassword with a random one, which the result shows.
func (a *Admin) GeneratePassword(ctx context.Context, addr string) (Account, error) {
	password := a.generatePassword()
	out, err := a.SetPassword(ctx, addr, password)
	if err == nil {
		out.Password = password
	}
	return out, err
}

// AppPassword is a device's password as it is shown.
type AppPassword struct {
	ID         string     `json:"id"`
	Label      string     `json:"label"`
	Prefix     string     `json:"prefix"` // its public part
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	// Password is what the device needs; shown once, when it is made.
	Password string `json:"password,omitempty"`
}

func showApp(c mail.CredentialRecord) AppPassword {
	return AppPassword{ID: strconv.FormatInt(int64(c.ID), 10), Label: c.Label, Prefix: c.Prefix,
		CreatedAt: c.CreatedAt, LastUsedAt: at(c.LastUsedAt)}
}

// CreateAppPassword makes a password for one device.
func (a *Admin) CreateAppPassword(ctx context.Context, addr, label string) (AppPassword, error) {
	id, err := a.accountID(ctx, addr)
	if err != nil {
		return AppPassword{}, err
	}
	if label, err = displayName(label); err != nil {
		return AppPassword{}, err
	}
	primary, have, err := a.credentials(ctx, id)
	if err != nil {
		return AppPassword{}, err
	}
	secret, err := a.Store.ScramSecret(ctx)
	if err != nil {
		return AppPassword{}, err
	}
	for try := 0; ; try++ {
		password, prefix, hash, scram := auth.NewAppPassword(auth.NewFactors(secret, primary, have))
		c, err := a.Store.AddAppPassword(ctx, a.Actor,
			mail.CredentialRecord{Account: id, Label: label, Prefix: prefix, Hash: hash, Scram: scram})
		if mail.Is(err, mail.CodeExists) && try < 3 { // the prefix has 40 bits
			continue
		}
		if err != nil {
			return AppPassword{}, err
		}
		out := showApp(c)
		out.Password = password
		return out, nil
	}
}

// credentials gives an account's primary address and valid credentials.
func (a *Admin) credentials(ctx context.Context, id mail.AccountID) (mail.Address, []mail.CredentialRecord, error) {
	l, err := a.Store.AccountListing(ctx, id)
	if err != nil {
		return mail.Address{}, nil, err
	}
	have, err := a.Store.Credentials(ctx, id)
	return l.Address, have, err
}

// AppPasswords lists the valid app passwords of an account, oldest first.
func (a *Admin) AppPasswords(ctx context.Context, addr string) ([]AppPassword, error) {
	id, err := a.accountID(ctx, addr)
	if err != nil {
		return nil, err
	}
	all, err := a.Store.Credentials(ctx, id)
	if err != nil {
		return nil, err
	}
	out := []AppPassword{}
	for _, c := range all {
		if c.Kind == mail.CredentialApp {
			out = append(out, showApp(c))
		}
	}
	return out, nil
}

// RevokeAppPassword ends an app password, named by id, prefix or a label that
// only one has, and the sessions that logged in with it.
func (a *Admin) RevokeAppPassword(ctx context.Context, addr, which string) (AppPassword, error) {
	id, err := a.accountID(ctx, addr)
	if err != nil {
		return AppPassword{}, err
	}
	all, err := a.AppPasswords(ctx, addr)
	if err != nil {
		return AppPassword{}, err
	}
	var hits []AppPassword
	for _, p := range all {
		if p.ID == which || p.Prefix == which || p.Label == which {
			hits = append(hits, p)
		}
	}
	if len(hits) != 1 {
		return AppPassword{}, &mail.Error{Code: mail.CodeNotFound, Text: quoted(which) + " does not name one app password of that account",
			Hint: "name it by the prefix that postroom account app-password list shows"}
	}
	n, err := strconv.ParseInt(hits[0].ID, 10, 64)
	if err != nil {
		return AppPassword{}, err
	}
	return hits[0], a.Store.RevokeCredential(ctx, a.Actor, id, mail.CredentialID(n))
}
