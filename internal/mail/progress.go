package mail

import "context"

type progressKey struct{}

// WithProgress gives a context under which the store calls fn, from the
// caller's goroutine, with the number of messages that each transaction of a
// long change is done with, after its commit.
func WithProgress(ctx context.Context, fn func(messages int64)) context.Context {
	return context.WithValue(ctx, progressKey{}, fn)
}

// Progress tells what WithProgress asked for.
func Progress(ctx context.Context, messages int64) {
	if fn, ok := ctx.Value(progressKey{}).(func(int64)); ok {
		fn(messages)
	}
}
