package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"postroom/e2e/testbed"
	"postroom/e2e/upgrade"
)

// upgradeMailboxes is how many accounts share the mail of the old store.
const upgradeMailboxes = 20

// upgraded is a store that the old binary filled, and what a client read of it.
type upgraded struct {
	inst     *testbed.Instance
	accounts []string
	before   map[string][]string
}

// benchUpgrade fills a store with the old binary, starts the new one on it,
// kills that while it indexes the old mail, and on a copy of the store kills it
// again and again while it starts.
func benchUpgrade(ctx context.Context, _ *rig, o options) ([]figure, error) {
	dir, err := tempDir()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	u, err := fillOld(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	defer func() { _ = u.inst.Stop(time.Minute) }()
	data, aside := filepath.Join(dir, "data"), filepath.Join(dir, "aside")
	if err := copyTree(ctx, data, aside); err != nil {
		return nil, err
	}
	start, err := u.start(ctx)
	if err != nil {
		return nil, err
	}
	rate, err := u.backfill(ctx)
	if err != nil {
		return nil, err
	}
	if err := u.inst.Stop(time.Minute); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(data); err != nil {
		return nil, err
	}
	if err := os.Rename(aside, data); err != nil {
		return nil, err
	}
	kills, err := u.killed(ctx)
	if err != nil {
		return nil, err
	}
	return []figure{
		summarise("old store: messages", "messages", "", []float64{float64(u.count())}),
		summarise("new binary serves an old store after", "s", "<= 30", []float64{start.Seconds()}),
		summarise("then indexes old mail at", "messages/s", "", []float64{rate}),
		summarise("killed while it indexes, nothing done twice or changed", "kills", "", []float64{backfillKills}),
		summarise("the same, killed in each start before the last", "kills", "> 0", []float64{float64(kills)}),
	}, nil
}

// fillOld starts the old binary, lets mail arrive, does to it what people do,
// and stops it.
func fillOld(ctx context.Context, dir string, o options) (*upgraded, error) {
	binary, err := filepath.Abs(o.old)
	if err != nil {
		return nil, err
	}
	inst, err := testbed.Start(ctx, testbed.Options{Binary: binary, Dir: dir, Settings: local + quiet, MailOnly: true})
	if err != nil {
		return nil, err
	}
	u := &upgraded{inst: inst}
	if err := u.fill(ctx, o); err != nil {
		_ = inst.Stop(time.Minute)
		return nil, err
	}
	if err := inst.Stop(time.Minute); err != nil {
		return nil, err
	}
	inst.Binary, err = filepath.Abs(o.binary)
	return u, err
}

func (u *upgraded) fill(ctx context.Context, o options) (err error) {
	if err := u.inst.AddDomain("bench.test"); err != nil {
		return err
	}
	if u.accounts, err = addAccounts(u.inst, upgradeMailboxes, testbed.Password); err != nil {
		return err
	}
	var n atomic.Int64
	_, _, err = pump(ctx, time.Hour, o.clients, to(u.inst.Ports.SMTP, nil), func(int) (letter, bool) {
		i := int(n.Add(1))
		rcpt := u.accounts[i%len(u.accounts)]
		return letter{"load@outside.example", rcpt, compose(seeds.Add(1), "load@outside.example", rcpt)}, i <= o.stored
	})
	if err != nil {
		return err
	}
	for _, a := range u.accounts {
		if err := u.sort(a); err != nil {
			return err
		}
	}
	u.before, err = u.read()
	return err
}

// sort makes gaps among the UIDs, flags, keywords and a second mailbox.
func (u *upgraded) sort(account string) error {
	c, err := u.inst.IMAPS(account, testbed.Password)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, cmd := range []string{"CREATE Projects", "SELECT INBOX", `UID STORE 1:40 +FLAGS.SILENT (\Seen)`,
		`UID STORE 41:50 +FLAGS.SILENT (\Flagged Later)`, "UID MOVE 51:80 Projects", "UID COPY 1:20 Projects",
		`UID STORE 90:99 +FLAGS.SILENT (\Deleted)`, "UID EXPUNGE 90:99"} {
		if _, err := c.OK("%s", cmd); err != nil {
			return err
		}
	}
	return nil
}

// read gives every mailbox's UIDVALIDITY and UIDNEXT, and of every message UID,
// flags, date, size and the hash of its octets.
func (u *upgraded) read() (map[string][]string, error) {
	out, err := upgrade.Read(u.inst, u.accounts)
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Collect(maps.Keys(out)) {
		account, mailbox, _ := strings.Cut(key, " ")
		c, err := u.inst.IMAPS(account, testbed.Password)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		lines, err := c.OK("STATUS %q (MESSAGES UIDVALIDITY UIDNEXT)", mailbox)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			out[key] = append(out[key], l.Text)
		}
	}
	return out, nil
}

func (u *upgraded) count() (n int) {
	for _, lines := range u.before {
		n += len(lines) - 1
	}
	return n
}

// same makes sure that a client reads what it read before.
func (u *upgraded) same() error {
	now, err := u.read()
	if err != nil {
		return err
	}
	if len(now) != len(u.before) {
		return fmt.Errorf("%d mailboxes before, %d after", len(u.before), len(now))
	}
	for key, before := range u.before {
		if len(now[key]) != len(before) {
			return fmt.Errorf("%s: %d lines before, %d after", key, len(before), len(now[key]))
		}
		for i, line := range before {
			if now[key][i] != line {
				return fmt.Errorf("%s: %q before, %q after", key, line, now[key][i])
			}
		}
	}
	return nil
}

// start times the start of the new binary.
func (u *upgraded) start(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	if err := u.inst.Start(ctx); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}

// killed starts the new binary and kills it after ever longer times, until it
// serves before that; then it compares.
func (u *upgraded) killed(ctx context.Context) (kills int, err error) {
	for after := 100 * time.Millisecond; ; after = after * 3 / 2 {
		if err := u.inst.Launch(); err != nil {
			return kills, err
		}
		ready, cancel := context.WithTimeout(ctx, after)
		err := u.inst.UntilReady(ready)
		cancel()
		if err == nil {
			return kills, u.same()
		}
		if ctx.Err() != nil || !u.inst.Running() {
			return kills, err
		}
		u.inst.Kill()
		kills++
	}
}

func copyTree(ctx context.Context, from, to string) error {
	out, err := exec.CommandContext(ctx, "cp", "-a", from, to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cp: %w: %s", err, out)
	}
	return nil
}
