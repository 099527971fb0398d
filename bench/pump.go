package main

import (
	"context"
	"sync"
	"sync/atomic"

	"postroom/e2e/client"
)

// letter is a message with its envelope.
type letter struct {
	from, to string
	octets   []byte
}

// perConnection is below what servers take on one connection.
const perConnection = 500

// dialer opens the i-th connection, greeted and ready for mail.
type dialer func(i int) (*client.SMTP, error)

// pump keeps n SMTP connections busy until ctx ends or next gives the i-th of
// them no more, and counts the messages that were accepted. Whatever is not accepted is an error.
func pump(ctx context.Context, n int, dial dialer, next func(i int) (letter, bool)) (int64, error) {
	var accepted atomic.Int64
	var firstErr atomic.Value
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for more := true; more; {
				var err error
				if more, err = pumpOne(ctx, i, dial, next, &accepted); err != nil {
					firstErr.CompareAndSwap(nil, err)
					return
				}
			}
		})
	}
	wg.Wait()
	err, _ := firstErr.Load().(error)
	return accepted.Load(), err
}

// pumpOne is the life of one connection; more tells that it ended because it
// had carried enough.
func pumpOne(ctx context.Context, i int, dial dialer, next func(i int) (letter, bool), accepted *atomic.Int64) (more bool, err error) {
	c, err := dial(i)
	if err != nil {
		return false, err
	}
	defer c.Close()
	for range perConnection {
		l, ok := next(i)
		if !ok || ctx.Err() != nil {
			return false, nil
		}
		r, err := c.Send(l.from, []string{l.to}, l.octets)
		if err != nil {
			return false, err
		}
		if err := r.Err(); err != nil {
			return false, err
		}
		accepted.Add(1)
	}
	return true, nil
}

// to makes a dialer for addr; the i-th connection logs in as the i-th of users,
// where there are any.
func to(addr string, users []string) dialer {
	return func(i int) (*client.SMTP, error) {
		c, _, err := client.DialSMTP(addr, nil)
		if err != nil {
			return nil, err
		}
		r, err := c.Cmd("EHLO load.outside.example")
		if err == nil && len(users) > 0 {
			r, err = c.Auth(users[i%len(users)], password)
		}
		if err == nil {
			err = r.Err()
		}
		if err != nil {
			c.Close()
			return nil, err
		}
		return c, nil
	}
}
