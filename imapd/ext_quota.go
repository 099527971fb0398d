package imapd

import (
	"context"

	"postroom/imapd/wire"
	"postroom/internal/address"
	"postroom/internal/mail"
)

// QUOTA (RFC 9208). A root is an account: "" is the user's own, and those of
// others, for administrators, have its address as name. Resources are STORAGE, in
// units of 1024 octets, and MESSAGE; one without a limit is not listed. An
// account without any limit has no root, because the grammar knows no empty list
// of resources, though §4.2.1 does, and Thunderbird gives up over one.

// parseQuotaRoot parses
//
//	getquota = "GETQUOTA" SP quota-root-name            ; RFC 9208 §4.1.1
func parseQuotaRoot(_ *session, d *wire.Decoder) string { return d.AString() }

func runGetQuota(ctx context.Context, s *session, root string) (reply, error) {
	acct, err := s.quotaRoot(ctx, root)
	if err != nil {
		return reply{}, err
	}
	q, err := s.srv.Store.Quota(ctx, acct)
	if err == nil && !limited(q) {
		err = no("NONEXISTENT", "no such quota root")
	}
	if err != nil {
		return reply{}, err
	}
	s.writeQuota(root, q)
	return reply{}, nil
}

func limited(q mail.Quota) bool { return q.LimitBytes > 0 || q.LimitMessages > 0 }

// quotaRoot finds whose root it is: "" is the user's own, and for administrators
// the address of an account is that account's. To others there is but one.
func (s *session) quotaRoot(ctx context.Context, root string) (mail.AccountID, error) {
	if root == "" {
		return s.identity.Account, nil
	}
	admin, err := s.isAdmin(ctx)
	if err != nil {
		return 0, err
	}
	a, err := address.Parse(root)
	if err != nil || !admin {
		return 0, no("NONEXISTENT", "no such quota root")
	}
	acct, err := s.srv.Store.AccountByAddress(ctx, a)
	if mail.Is(err, mail.CodeNotFound) || err == nil && acct.Deleted {
		err = no("NONEXISTENT", "no such quota root")
	}
	return acct.ID, err
}

// isAdmin looks again: it may have changed since the log-in.
func (s *session) isAdmin(ctx context.Context) (bool, error) {
	if !s.identity.Admin {
		return false, nil
	}
	acct, err := s.srv.Store.Account(ctx, s.identity.Account)
	return acct.Admin, err
}

// getquotaroot = "GETQUOTAROOT" SP mailbox            ; RFC 9208 §4.1.2
func runGetQuotaRoot(ctx context.Context, s *session, name string) (reply, error) {
	p, err := s.placeWith(ctx, name, mail.RightRead)
	if err != nil {
		return reply{}, err
	}
	root, q, err := s.rootOf(ctx, p.box.Account)
	if err != nil {
		return reply{}, err
	}
	s.enc.Raw("* QUOTAROOT ").Mailbox(name)
	if !limited(q) {
		s.enc.CRLF()
		return reply{}, nil
	}
	s.enc.Raw(" ").AString(root).CRLF()
	s.writeQuota(root, q)
	return reply{}, nil
}

// rootOf gives an account's root, without limits where this user could not ask
// for it.
func (s *session) rootOf(ctx context.Context, account mail.AccountID) (root string, q mail.Quota, err error) {
	if account != s.identity.Account {
		admin, err := s.isAdmin(ctx)
		if err != nil || !admin {
			return "", q, err
		}
		owner, err := s.srv.Store.Account(ctx, account)
		if err != nil {
			return "", q, err
		}
		root = address.Display(owner.Address)
	}
	q, err = s.srv.Store.Quota(ctx, account)
	return root, q, err
}

// writeQuota writes
//
//	quota-response = "QUOTA" SP quota-root-name SP quota-list   ; RFC 9208 §7
func (s *session) writeQuota(root string, q mail.Quota) {
	s.enc.Raw("* QUOTA ").AString(root).Raw(" (")
	if q.LimitBytes > 0 {
		s.enc.Raw("STORAGE ").Number(kibibytes(q.UsedBytes)).Raw(" ").Number(kibibytes(q.LimitBytes))
	}
	if q.LimitMessages > 0 {
		if q.LimitBytes > 0 {
			s.enc.Raw(" ")
		}
		s.enc.Raw("MESSAGE ").Number(uint64(q.Messages)).Raw(" ").Number(uint64(q.LimitMessages))
	}
	s.enc.Raw(")\r\n")
}

func kibibytes(n int64) uint64 { return uint64(max(n, 0)+1023) / 1024 }
