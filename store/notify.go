package store

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

const (
	notifyChannel = "postroom_changes"
	// notifyGap is the least time between two NOTIFYs of a node: the first
	// after silence goes at once.
	notifyGap = 10 * time.Millisecond
	// notifyMax keeps a payload under PostgreSQL's 8,000 bytes.
	notifyMax = 7000
	// reconnectWait is the pause after a lost connection.
	reconnectWait = time.Second
)

// sendLoop turns pending changes into NOTIFYs on a connection of its own: in
// the writing transaction they would serialise all commits.
func (h *hub) sendLoop(ctx context.Context) {
	var c *pgx.Conn
	defer func() { closeConn(c) }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.kick:
		}
		for _, payload := range h.take() {
			if c = h.send(ctx, c, payload); c == nil {
				break // others poll
			}
		}
		if !sleep(ctx, notifyGap) {
			return
		}
	}
}

// send notifies and gives back the connection, nil when it broke.
func (h *hub) send(ctx context.Context, c *pgx.Conn, payload string) *pgx.Conn {
	if c == nil {
		var err error
		if c, err = h.s.connect(ctx); err != nil {
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, err := c.Exec(ctx, "SELECT pg_notify($1, $2)", notifyChannel, payload); err != nil {
		closeConn(c)
		return nil
	}
	return c
}

// take empties what is pending into payloads: the node, then "q" for the
// queue or account.mailbox.modseq, separated by spaces.
func (h *hub) take() []string {
	h.mu.Lock()
	pending, wakes := h.pending, h.wakes
	h.pending, h.wakes = map[watchKey]mail.ModSeq{}, false
	h.mu.Unlock()
	head := strconv.FormatInt(h.node, 36)
	var out []string
	var b strings.Builder
	b.WriteString(head)
	if wakes {
		b.WriteString(" q")
	}
	for k, m := range pending {
		if b.Len() > notifyMax-64 {
			out = append(out, b.String())
			b.Reset()
			b.WriteString(head)
		}
		for i, n := range []int64{int64(k.account), int64(k.mailbox), int64(m)} {
			b.WriteByte(" .."[i])
			b.WriteString(strconv.FormatInt(n, 36))
		}
	}
	if b.Len() > len(head) {
		out = append(out, b.String())
	}
	return out
}

// listenLoop hears the other nodes. After each connect it has the poll compare
// everything, for what was said meanwhile is lost.
func (h *hub) listenLoop(ctx context.Context) {
	for first := true; ; first = false {
		err := h.listen(ctx, first)
		if ctx.Err() != nil {
			return
		}
		h.s.log.Warn("notifications interrupted", "error", err)
		if !sleep(ctx, reconnectWait) {
			return
		}
	}
}

func (h *hub) listen(ctx context.Context, first bool) error {
	c, err := h.s.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(c)
	if _, err := c.Exec(ctx, "LISTEN "+notifyChannel); err != nil {
		return err
	}
	h.s.hook("listen:ready")
	if !first {
		poke(h.repoll)
	}
	for {
		n, err := c.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		h.receive(n.Payload)
	}
}

func (h *hub) receive(payload string) {
	words := strings.Fields(payload)
	if len(words) == 0 || words[0] == strconv.FormatInt(h.node, 36) {
		return
	}
	for _, w := range words[1:] {
		if w == "q" {
			poke(h.queue)
			continue
		}
		k, modseq, ok := parseChange(w)
		if !ok {
			continue
		}
		h.mu.Lock()
		h.wake(k, modseq)
		h.mu.Unlock()
	}
}

func parseChange(w string) (k watchKey, modseq mail.ModSeq, ok bool) {
	f := strings.Split(w, ".")
	if len(f) != 3 {
		return k, 0, false
	}
	var n [3]int64
	for i := range f {
		v, err := strconv.ParseInt(f[i], 36, 64)
		if err != nil {
			return k, 0, false
		}
		n[i] = v
	}
	return watchKey{mail.AccountID(n[0]), mail.MailboxID(n[1])}, mail.ModSeq(n[2]), true
}

func closeConn(c *pgx.Conn) {
	if c == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.Close(ctx)
}

// sleep waits; false when ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
