package admin

import (
	"context"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// Where a certificate comes from.
const (
	SourceACME       = "acme"
	SourceFile       = "file"
	SourceSelfSigned = "self-signed"
)

// Certificate is one certificate as it is shown, or a name that waits for one:
// then NotAfter is nil.
type Certificate struct {
	Names     []string   `json:"names"`
	Source    string     `json:"source"` // SourceACME, SourceFile or SourceSelfSigned
	Issuer    string     `json:"issuer,omitempty"`
	NotBefore *time.Time `json:"not_before,omitempty"`
	NotAfter  *time.Time `json:"not_after,omitempty"`
	Error     string     `json:"error,omitempty"` // of the last attempt, when it failed
	FailedAt  *time.Time `json:"failed_at,omitempty"`
	RetryAt   *time.Time `json:"retry_at,omitempty"`
	// Asked tells that a renewal was asked for and no server has tried yet.
	Asked bool `json:"asked,omitempty"`
}

// CertificateStore keeps what ACME got.
type CertificateStore interface {
	Certificates(ctx context.Context) ([]mail.Certificate, error)
	AskRenewal(ctx context.Context, actor mail.Actor, name string) error
}

// Certificates lists those of ACME, and the names that wait for one: of one
// name, or ("") all.
func (a *Admin) Certificates(ctx context.Context, name string) ([]Certificate, error) {
	name, err := nameOrAll(name)
	if err != nil {
		return nil, err
	}
	list, err := a.Store.Certificates(ctx)
	if err != nil {
		return nil, err
	}
	var out []Certificate
	for _, c := range list {
		if name == "" || name == c.Name {
			out = append(out, Certificate{Names: []string{address.DisplayDomain(c.Name)}, Source: SourceACME, Issuer: c.Issuer,
				NotBefore: at(c.NotBefore), NotAfter: at(c.NotAfter), Error: c.Error, FailedAt: at(c.FailedAt), RetryAt: at(c.RetryAt),
				Asked: !c.RenewAskedAt.IsZero()})
		}
	}
	return out, nil
}

// nameOrAll reads a name in U- or A-labels, or none.
func nameOrAll(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	return domainName(name)
}

// RenewCertificates has the servers get new certificates now: for one name, or
// ("") for all that ACME keeps.
func (a *Admin) RenewCertificates(ctx context.Context, name string) error {
	name, err := nameOrAll(name)
	if err != nil {
		return err
	}
	err = a.Store.AskRenewal(ctx, a.Actor, name)
	if mail.Is(err, mail.CodeNotFound) {
		return &mail.Error{Code: mail.CodeNotFound, Text: mail.TextOf(err), Err: err,
			Hint: "postroom certificate list shows them; names appear when a server runs with acme = on"}
	}
	return err
}
