package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"postroom/e2e/client"
)

// benchLatency sends single messages to an idling mailbox and measures from
// the moment the message's last octet is sent to the EXISTS of IDLE, and, for
// the share of the accept itself, to the 250.
func benchLatency(ctx context.Context, r *rig, o options) ([]figure, error) {
	account := r.accounts[0]
	idle, err := r.login(account)
	if err != nil {
		return nil, err
	}
	defer idle.Close()
	if _, _, err := idle.Select("INBOX"); err != nil {
		return nil, err
	}
	if _, err := idle.Write([]byte("i IDLE\r\n")); err != nil {
		return nil, err
	}
	seen := make(chan time.Time, 16)
	go readExists(idle, seen)
	c, _, err := client.DialSMTP(r.smtp, nil)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := c.Cmd("EHLO load.outside.example"); err != nil {
		return nil, err
	}
	var after, total []float64
	for i := 0; i < 1000 && ctx.Err() == nil; i++ {
		m, _ := message(seeds.Add(1), account)
		began := time.Now()
		if rep, err := c.Send("load@outside.example", []string{account}, m); err != nil || rep.Err() != nil {
			return nil, fmt.Errorf("%v %v", rep, err)
		}
		accepted := time.Now()
		select {
		case at := <-seen:
			after = append(after, max(0, at.Sub(accepted).Seconds()*1000))
			total = append(total, at.Sub(began).Seconds()*1000)
		case <-time.After(30 * time.Second):
			return nil, fmt.Errorf("no EXISTS for message %d", i)
		}
	}
	return []figure{
		percentile("250 to IDLE EXISTS, p99", "ms", "< 10", after, 0.99),
		percentile("MAIL to IDLE EXISTS, p99", "ms", "", total, 0.99),
		percentile("MAIL to IDLE EXISTS, p50", "ms", "", total, 0.50),
	}, nil
}

func readExists(c *client.IMAP, seen chan<- time.Time) {
	for {
		l, err := c.ReadLine()
		if err != nil {
			return
		}
		if strings.HasSuffix(l.Text, " EXISTS") {
			seen <- time.Now()
		}
	}
}

func percentile(name, unit, goal string, values []float64, p float64) figure {
	s := slices.Sorted(slices.Values(values))
	if len(s) == 0 {
		return figure{Name: name, Unit: unit, Goal: goal}
	}
	at := s[min(len(s)-1, int(p*float64(len(s))))]
	return figure{Name: name, Unit: unit, Goal: goal, Median: at, Min: s[0], Max: s[len(s)-1]}
}
