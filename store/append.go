package store

import (
	"context"
	"time"

	"postroom/internal/mail"
)

// AppendMessage is one message of APPEND.
type AppendMessage struct {
	Content  mail.Content
	Summary  mail.Summary
	Flags    mail.Flags
	Keywords []string
	Received time.Time // INTERNALDATE; zero means now
}

// AppendResult is for APPENDUID (RFC 4315 §3): UIDs in the order given.
type AppendResult struct {
	UIDs   []mail.UID
	ModSeq mail.ModSeq
}

// Append puts messages into a mailbox, all or none (RFC 3502), by the same
// insert as Deliver. Errors: mail.CodeNotFound when the mailbox is gone (the
// client may be told TRYCREATE), CodeOverQuota, CodeStorageFull,
// CodeUnavailable.
func (s *Store) Append(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, messages []AppendMessage) (AppendResult, error) {
	var res AppendResult
	if len(messages) == 0 {
		return res, mail.Errorf(mail.CodeInvalid, "nothing to append")
	}
	u, err := s.appendUnit(ctx, mailboxKey{account, mailbox}, messages)
	if err != nil {
		return res, err
	}
	if err := s.write(ctx, u); err != nil {
		return res, err
	}
	for _, f := range u.filed {
		res.UIDs, res.ModSeq = append(res.UIDs, f.uid), f.modseq
	}
	return res, nil
}

func (s *Store) appendUnit(ctx context.Context, k mailboxKey, messages []AppendMessage) (*unit, error) {
	u := &unit{messages: make([]messageWrite, len(messages)), needs: mail.NeedsOf(ctx)}
	for i := range messages {
		m := &messages[i]
		b := blobWrite{id: mail.BlobID(s.NewID()), content: m.Content}
		if len(messages) == 1 {
			var err error
			if b, err = s.blobWrite(m.Content, m.Summary.Size); err != nil {
				return nil, err
			}
		}
		u.addBlob(b)
		kw, err := s.lane.names.keywords(ctx, k.account, m.Keywords)
		if err != nil {
			return nil, err
		}
		if m.Received.IsZero() {
			m.Received = time.Now()
		}
		u.messages[i] = messageWrite{mailboxKey: k, id: mail.MessageID(s.NewID()), blob: b.id, size: m.Summary.Size,
			summary: &m.Summary, flags: m.Flags, keywords: kw, received: m.Received}
	}
	return u, nil
}
