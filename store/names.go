package store

import (
	"context"
	"errors"
	"sync"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// nameCacheMax bounds each map of the cache; a full one is emptied.
const nameCacheMax = 100_000

// nameCache remembers what never changes: the id of an account's INBOX (RENAME
// moves its messages, not the mailbox) and the numbers of keywords. A purged
// account is found out by the delivery's own transaction.
type nameCache struct {
	s       *Store
	mu      sync.Mutex
	inboxes map[mail.AccountID]mail.MailboxID
	words   map[keywordKey]int16
}

type keywordKey struct {
	account mail.AccountID
	name    string // lower case
}

func newNameCache(s *Store) *nameCache {
	return &nameCache{s: s, inboxes: map[mail.AccountID]mail.MailboxID{}, words: map[keywordKey]int16{}}
}

func (n *nameCache) inbox(ctx context.Context, account mail.AccountID) (mail.MailboxID, error) {
	n.mu.Lock()
	id, ok := n.inboxes[account]
	n.mu.Unlock()
	if ok {
		return id, nil
	}
	err := n.s.pool.QueryRow(ctx, `SELECT id FROM mailboxes WHERE account_id = $1 AND name = 'INBOX'`, int64(account)).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, mail.Errorf(mail.CodeNoSuchUser, "no such user here")
	}
	if err != nil {
		return 0, dbError(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.inboxes) >= nameCacheMax {
		clear(n.inboxes)
	}
	n.inboxes[account] = id
	return id, nil
}
