package store

import (
	"context"
	"time"

	"postroom/internal/mail"
)

// pollLoop compares what is watched with the database: a NOTIFY is a hint, and
// a lost one must not leave a session blind.
func (h *hub) pollLoop(ctx context.Context) {
	t := time.NewTicker(h.s.cfg.PollEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-h.repoll:
		}
		poke(h.queue)
		if err := h.poll(ctx); err != nil && ctx.Err() == nil {
			h.s.log.Warn("watched mailboxes not compared", "error", err)
		}
	}
}

// poll asks for the modseq of every watched mailbox and the change_seq of
// every watched account, one query each, and wakes what moved. What no longer
// exists is woken every time: its sessions find out.
func (h *hub) poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var accounts, mailboxes, owners []int64
	h.mu.Lock()
	for k := range h.watches {
		if k.mailbox == 0 {
			accounts = append(accounts, int64(k.account))
		} else {
			owners = append(owners, int64(k.account))
			mailboxes = append(mailboxes, int64(k.mailbox))
		}
	}
	h.mu.Unlock()
	if err := h.compare(ctx, len(mailboxes), sqlPollMailboxes, owners, mailboxes); err != nil {
		return err
	}
	return h.compare(ctx, len(accounts), sqlPollAccounts, accounts)
}

const (
	sqlPollMailboxes = `SELECT w.account_id, w.mailbox_id, coalesce((SELECT c.modseq FROM mailbox_changes c
			WHERE c.account_id = w.account_id AND c.mailbox_id = w.mailbox_id ORDER BY c.modseq DESC LIMIT 1), -1)
		FROM unnest($1::bigint[], $2::bigint[]) AS w (account_id, mailbox_id)`
	sqlPollAccounts = `SELECT w.id, 0::bigint, coalesce(a.change_seq, -1)
		FROM unnest($1::bigint[]) AS w (id) LEFT JOIN accounts a USING (id)`
)

func (h *hub) compare(ctx context.Context, n int, sql string, args ...any) error {
	if n == 0 {
		return nil
	}
	rows, err := h.s.pool.Query(ctx, sql, args...)
	if err != nil {
		return dbError(err)
	}
	defer rows.Close()
	for rows.Next() {
		var account, mailbox, seq int64
		if err := rows.Scan(&account, &mailbox, &seq); err != nil {
			return dbError(err)
		}
		h.compared(watchKey{mail.AccountID(account), mail.MailboxID(mailbox)}, seq)
	}
	return dbError(rows.Err())
}

func (h *hub) compared(k watchKey, seq int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	wd := h.watches[k]
	if wd != nil && (seq < 0 || mail.ModSeq(seq) > wd.seen) {
		h.wake(k, mail.ModSeq(max(seq, 0)))
	}
}
