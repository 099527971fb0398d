package imapd

import (
	"context"
	"math"

	"postroom/imapd/wire"
	"postroom/internal/address"
	"postroom/internal/mail"
)

type setQuotaArgs struct {
	root  string
	quota Quotas
	err   error // why these limits cannot be set
}

// Quotas are the limits of an account; 0 is none.
type Quotas struct{ Octets, Messages int64 }

// parseSetQuota parses
//
//	setquota          = "SETQUOTA" SP quota-root-name SP setquota-list   ; RFC 9208 §7
//	setquota-list     = "(" [setquota-resource *(SP setquota-resource)] ")"
//	setquota-resource = resource-name SP resource-limit
func parseSetQuota(_ *session, d *wire.Decoder) (a setQuotaArgs) {
	a.root = d.AString()
	d.SP()
	d.Expect('(')
	for first := true; d.Err() == nil && !d.Try(')'); first = false {
		if !first {
			d.SP()
		}
		name := d.Word()
		d.SP()
		a.limit(name, d.Number64())
	}
	return a
}

// limit takes one limit. What is not limited is not listed; a limit of nothing
// at all cannot be kept, for 0 is none.
func (a *setQuotaArgs) limit(resource string, n uint64) {
	switch {
	case resource != "STORAGE" && resource != "MESSAGE":
		a.err = no("CANNOT", "no such resource")
	case n == 0 || n > math.MaxInt64/1024:
		a.err = no("CANNOT", "no possible limit; disable the account, or leave the resource out")
	case resource == "STORAGE":
		a.quota.Octets = int64(n) * 1024
	default:
		a.quota.Messages = int64(n)
	}
}

// runSetQuota is for administrators, whoever's root it is. Resources that are not
// listed lose their limit (RFC 9208 §4.1.3).
func runSetQuota(ctx context.Context, s *session, a setQuotaArgs) (reply, error) {
	if admin, err := s.isAdmin(ctx); err != nil {
		return reply{}, err
	} else if !admin {
		return reply{}, mail.Errorf(mail.CodeNoPermission, "quotas are set by administrators")
	}
	if a.err != nil {
		return reply{}, a.err
	}
	id, err := s.quotaRoot(ctx, a.root)
	if err != nil {
		return reply{}, err
	}
	acct, err := s.srv.Store.Account(ctx, id)
	if err != nil {
		return reply{}, err
	}
	if err := s.srv.SetQuotas(ctx, s.identity, address.Display(acct.Address), a.quota); err != nil {
		return reply{}, err
	}
	q, err := s.srv.Store.Quota(ctx, id)
	if err == nil && limited(q) {
		s.writeQuota(a.root, q)
	}
	return reply{}, err
}
