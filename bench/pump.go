package main

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

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

// pump keeps n SMTP connections busy until d is over or next gives the i-th of
// them no more, and counts the messages that were accepted since began, when
// all were open. Whatever is not accepted is an error.
func pump(ctx context.Context, d time.Duration, n int, dial dialer, next func(i int) (letter, bool)) (accepted int64, began time.Time, err error) {
	conns := make([]*client.SMTP, n)
	var dials errgroup.Group
	for i := range conns {
		dials.Go(func() (err error) {
			conns[i], err = dial(i)
			return err
		})
	}
	if err := dials.Wait(); err != nil {
		return 0, time.Time{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	began = time.Now()
	var count atomic.Int64
	var work errgroup.Group
	for i, c := range conns {
		work.Go(func() (err error) {
			for more := true; more && err == nil; {
				if c == nil {
					if c, err = dial(i); err != nil {
						return err
					}
				}
				more, err = pumpOne(ctx, i, c, next, &count)
				c.Close()
				c = nil
			}
			return err
		})
	}
	err = work.Wait()
	return count.Load(), began, err
}

// pumpOne is the work of one connection; more tells that it ended because it
// had carried enough.
func pumpOne(ctx context.Context, i int, c *client.SMTP, next func(i int) (letter, bool), accepted *atomic.Int64) (more bool, err error) {
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
