package imapd

import (
	"context"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// QUOTA (RFC 9208) with the one root "": the account. Its resources are STORAGE,
// in units of 1024 octets, and MESSAGE; one without a limit is not listed. An
// account without any limit has no root, because the grammar knows no empty list
// of resources, though §4.2.1 does, and Thunderbird gives up over one.

// parseQuotaRoot parses
//
//	getquota = "GETQUOTA" SP quota-root-name            ; RFC 9208 §4.1.1
func parseQuotaRoot(_ *session, d *wire.Decoder) string { return d.AString() }

func runGetQuota(ctx context.Context, s *session, root string) (reply, error) {
	q, err := s.srv.Store.Quota(ctx, s.identity.Account)
	if err != nil {
		return reply{}, err
	}
	if root != "" || !limited(q) {
		return reply{}, no("NONEXISTENT", "no such quota root")
	}
	s.writeQuota(q)
	return reply{}, nil
}

func limited(q mail.Quota) bool { return q.LimitBytes > 0 || q.LimitMessages > 0 }

// getquotaroot = "GETQUOTAROOT" SP mailbox            ; RFC 9208 §4.1.2
func runGetQuotaRoot(ctx context.Context, s *session, name string) (reply, error) {
	p, err := s.placeWith(ctx, name, mail.RightRead)
	if err != nil {
		return reply{}, err
	}
	var q mail.Quota
	if p.box.Account == s.identity.Account { // else no root that this user could ask for
		if q, err = s.srv.Store.Quota(ctx, s.identity.Account); err != nil {
			return reply{}, err
		}
	}
	s.enc.Raw("* QUOTAROOT ").Mailbox(name)
	if !limited(q) {
		s.enc.CRLF()
		return reply{}, nil
	}
	s.enc.Raw(` ""`, "\r\n")
	s.writeQuota(q)
	return reply{}, nil
}

func (s *session) writeQuota(q mail.Quota) {
	s.enc.Raw(`* QUOTA "" (`)
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

// parseSetQuota parses
//
//	setquota = "SETQUOTA" SP quota-root-name SP setquota-list   ; RFC 9208 §4.1.3
//	setquota-list = "(" [setquota-resource *(SP setquota-resource)] ")"
func parseSetQuota(_ *session, d *wire.Decoder) struct{} {
	d.AString()
	d.SP()
	d.Expect('(')
	for first := true; d.Err() == nil && !d.Try(')'); first = false {
		if !first {
			d.SP()
		}
		d.Atom()
		d.SP()
		d.Number64()
	}
	return struct{}{}
}

// runSetQuota: quotas are the administrator's to set.
func runSetQuota(context.Context, *session, struct{}) (reply, error) {
	return reply{}, mail.Errorf(mail.CodeNoPermission, "quotas are set by the administrator")
}
