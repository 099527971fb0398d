package delivery

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"postroom/internal/lru"
	"postroom/internal/mail"
)

// standings keeps which rules fit a peer and reverse-path: a message asks for
// each recipient, and a change by the administrator holds soon enough.
type standings struct {
	mu sync.Mutex
	m  *lru.Map[standingKey, standing]
}

type standingKey struct {
	peer netip.Addr
	from mail.Address
}

type standing struct {
	rules []mail.SenderRule
	until time.Time
}

const (
	standingsKept = 4096
	standingFor   = 5 * time.Second
)

func newStandings() *standings {
	return &standings{m: lru.New[standingKey, standing](standingsKept)}
}

// rules gives the administrator's rules that fit a peer and reverse-path.
func (d *Delivery) rules(ctx context.Context, peer netip.Addr, from mail.Address) ([]mail.SenderRule, error) {
	key, now := standingKey{peer, from}, d.cfg.Now()
	d.standings.mu.Lock()
	kept, ok := d.standings.m.Get(key)
	d.standings.mu.Unlock()
	if ok && now.Before(kept.until) {
		return kept.rules, nil
	}
	rules, err := d.store.SenderRules(ctx, peer, from)
	if err != nil {
		return nil, err
	}
	d.standings.mu.Lock()
	d.standings.m.Put(key, standing{rules, now.Add(standingFor)})
	d.standings.mu.Unlock()
	return rules, nil
}

// pick gives the rule that decides for a recipient's domain and account (0:
// not one alone), nil when none does: the account's own before its domain's,
// that before those for everybody; among them networks, which nobody can forge,
// before senders, and what fits fewer before what fits more.
func pick(rules []mail.SenderRule, domain string, acct mail.AccountID) *mail.SenderRule {
	holds := slices.DeleteFunc(slices.Clone(rules), func(r mail.SenderRule) bool {
		return r.Account != 0 && r.Account != acct || r.Domain != "" && r.Domain != domain
	})
	if len(holds) == 0 {
		return nil
	}
	best := slices.MaxFunc(holds, func(a, b mail.SenderRule) int {
		return cmp.Or(cmp.Compare(scopeRank(a), scopeRank(b)), cmp.Compare(a.Network.Bits(), b.Network.Bits()), cmp.Compare(senderRank(a), senderRank(b)))
	})
	return &best
}

func scopeRank(r mail.SenderRule) int {
	switch {
	case r.Account != 0:
		return 2
	case r.Domain != "":
		return 1
	}
	return 0
}

func senderRank(r mail.SenderRule) int {
	if strings.Contains(r.Sender, "@") {
		return 1 << 10
	}
	return len(r.Sender)
}
