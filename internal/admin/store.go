package admin

import (
	"context"

	"postroom/internal/mail"
)

// Store is what the actions need of the store.
type Store interface {
	DomainStore
	AccountStore
	AliasStore
	KeyStore
	QueueStore
	SendStore
	CertificateStore
	LoginStore
	ReceiveStore
	SetSetting(ctx context.Context, actor mail.Actor, name string, value any) error
	Setting(ctx context.Context, name string, value any) (bool, error)
}

// DomainStore keeps domains, their DKIM keys and MTA-STS policies.
type DomainStore interface {
	CreateDomain(ctx context.Context, actor mail.Actor, name string, keys []mail.DKIMKey, fingerprint []byte) (mail.DomainRecord, error)
	Domain(ctx context.Context, name string) (mail.DomainRecord, error)
	Domains(ctx context.Context) ([]mail.DomainListing, error)
	DeleteDomain(ctx context.Context, actor mail.Actor, name string) error
	DKIMKeys(ctx context.Context, domain string) ([]mail.DKIMKey, error)
	AddDKIMKeys(ctx context.Context, actor mail.Actor, domain string, keys []mail.DKIMKey, fingerprint []byte, retireOld bool) error
	RetireDKIMKey(ctx context.Context, actor mail.Actor, domain, selector string) error
	MTASTS(ctx context.Context, domain string) (p mail.MTASTS, ok bool, err error)
	SetMTASTS(ctx context.Context, actor mail.Actor, domain string, p *mail.MTASTS) error
}

// AccountStore keeps accounts, their addresses and credentials.
type AccountStore interface {
	CreateAccount(ctx context.Context, actor mail.Actor, n mail.NewAccount) (mail.AccountRecord, error)
	AccountByAddress(ctx context.Context, a mail.Address) (mail.AccountRecord, error)
	Accounts(ctx context.Context, f mail.AccountFilter) ([]mail.AccountListing, error)
	AccountListing(ctx context.Context, id mail.AccountID) (mail.AccountListing, error)
	RenameAccount(ctx context.Context, actor mail.Actor, id mail.AccountID, to mail.Address, dropOld bool) error
	SetAccountName(ctx context.Context, actor mail.Actor, id mail.AccountID, name string) error
	SetMessageQuota(ctx context.Context, actor mail.Actor, id mail.AccountID, quota int64) error
	SetIMAPWithout(ctx context.Context, actor mail.Actor, id mail.AccountID, list []string) error
	SetQuota(ctx context.Context, actor mail.Actor, id mail.AccountID, quota int64) error
	SetQuotas(ctx context.Context, actor mail.Actor, by, id mail.AccountID, octets, messages int64) error
	SetAccountAdmin(ctx context.Context, actor mail.Actor, id mail.AccountID, admin bool) error
	DisableAccount(ctx context.Context, actor mail.Actor, id mail.AccountID) error
	EnableAccount(ctx context.Context, actor mail.Actor, id mail.AccountID) error
	DeleteAccount(ctx context.Context, actor mail.Actor, id mail.AccountID) error
	UndeleteAccount(ctx context.Context, actor mail.Actor, id mail.AccountID) error
	AddAddress(ctx context.Context, actor mail.Actor, acct mail.AccountID, a mail.Address) error
	RemoveAddress(ctx context.Context, actor mail.Actor, acct mail.AccountID, a mail.Address) error
	SetPassword(ctx context.Context, actor mail.Actor, acct mail.AccountID, hash, scram string) error
	AddAppPassword(ctx context.Context, actor mail.Actor, c mail.CredentialRecord) (mail.CredentialRecord, error)
	Credentials(ctx context.Context, acct mail.AccountID) ([]mail.CredentialRecord, error)
	ScramSecret(ctx context.Context) ([]byte, error)
	RevokeCredential(ctx context.Context, actor mail.Actor, acct mail.AccountID, id mail.CredentialID) error
}

// AliasStore keeps aliases and catch-alls.
type AliasStore interface {
	SetAlias(ctx context.Context, actor mail.Actor, a mail.Alias, replace bool) error
	Alias(ctx context.Context, a mail.Address) (mail.Alias, error)
	Aliases(ctx context.Context, domain string) ([]mail.Alias, error)
	RenameAlias(ctx context.Context, actor mail.Actor, from, to mail.Address, keepOld bool) error
	DeleteAlias(ctx context.Context, actor mail.Actor, a mail.Address) error
	ResolveRecipient(ctx context.Context, rcpt mail.Address) (mail.Resolution, error)
}

// KeyStore knows which master key seals the secrets, and keeps smarthosts.
type KeyStore interface {
	BindMasterKey(ctx context.Context, fingerprint []byte) error
	MasterKeyFingerprint(ctx context.Context) ([]byte, error)
	Reseal(ctx context.Context, actor mail.Actor, now, next []byte, drop bool,
		reseal func(table, row string, sealed []byte) ([]byte, error)) (int, error)
	Smarthosts(ctx context.Context) ([]mail.Smarthost, error)
	SetSmarthost(ctx context.Context, actor mail.Actor, h mail.Smarthost, fingerprint []byte) error
	DeleteSmarthost(ctx context.Context, actor mail.Actor, domain string) error
}

// QueueStore keeps the queue and the timelines.
type QueueStore interface {
	QueueList(ctx context.Context, f mail.QueueFilter) ([]mail.QueueItem, error)
	QueueStats(ctx context.Context) (mail.QueueStats, error)
	QueueRetry(ctx context.Context, actor mail.Actor, f mail.QueueFilter) (changed, busy int, err error)
	QueueRelease(ctx context.Context, actor mail.Actor, f mail.QueueFilter) (changed, busy int, err error)
	QueueHold(ctx context.Context, actor mail.Actor, f mail.QueueFilter) (changed, busy int, err error)
	QueueDelete(ctx context.Context, actor mail.Actor, f mail.QueueFilter) (changed, busy int, err error)
	Timeline(ctx context.Context, trace mail.TraceID) ([]mail.Event, error)
	FindTraces(ctx context.Context, q mail.TraceQuery) ([]mail.TraceHit, error)
	AfterRestore(ctx context.Context, actor mail.Actor) (mailboxes, held int64, err error)
}

// SendStore keeps what accounts may send, and who is not written to.
type SendStore interface {
	AccountSendPolicy(ctx context.Context, id mail.AccountID) (own mail.SendPolicy, holds mail.SendLimits, err error)
	SetAccountSendPolicy(ctx context.Context, actor mail.Actor, id mail.AccountID, p mail.SendPolicy) error
	DomainSendPolicy(ctx context.Context, name string) (own mail.SendPolicy, holds mail.SendLimits, err error)
	SetDomainSendPolicy(ctx context.Context, actor mail.Actor, name string, p mail.SendPolicy) error
	SendState(ctx context.Context, id mail.AccountID, to []mail.Address) (mail.SendState, error)
	SendHold(ctx context.Context, id mail.AccountID) (h mail.SendHold, ok bool, err error)
	ResumeSending(ctx context.Context, actor mail.Actor, id mail.AccountID) error
	Suppressions(ctx context.Context, domain string) ([]mail.Suppression, error)
	AddSuppression(ctx context.Context, actor mail.Actor, x mail.Suppression) error
	RemoveSuppression(ctx context.Context, actor mail.Actor, a mail.Address) error
}

// ReceiveStore keeps whom mail is taken from, and what was not taken.
type ReceiveStore interface {
	SetSenderRule(ctx context.Context, actor mail.Actor, x mail.SenderRule) error
	RemoveSenderRule(ctx context.Context, actor mail.Actor, x mail.SenderRule) error
	SenderRuleList(ctx context.Context, all bool, of mail.SenderRule) ([]mail.SenderRule, error)
	Rejects(ctx context.Context, id mail.AccountID) ([]mail.Reject, error)
	Reject(ctx context.Context, acct mail.AccountID, id int64) (mail.Reject, error)
	ReleaseReject(ctx context.Context, actor mail.Actor, r mail.Reject, rule mail.SenderRule) error
	UnjunkMessage(ctx context.Context, acct mail.AccountID, trace mail.TraceID) (moved bool, err error)
}
