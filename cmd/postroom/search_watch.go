package main

import (
	"context"
	"time"

	"postroom/internal/mail"
)

// searchEvery is how often a watched status is asked.
const searchEvery = time.Second

// watchSearch shows a bar until all mail is indexed, and gives the last state.
func watchSearch(e *env, p mail.SearchProgress, ask func(context.Context) (mail.SearchProgress, error)) (mail.SearchProgress, error) {
	bar := e.progress("indexing")
	defer bar.end()
	t := time.NewTicker(searchEvery)
	defer t.Stop()
	for p.Unindexed > 0 {
		bar.at(p.Messages-p.Unindexed, p.Messages)
		select {
		case <-e.ctx.Done():
			return p, e.ctx.Err()
		case <-t.C:
		}
		var err error
		if p, err = ask(e.ctx); err != nil {
			return p, err
		}
	}
	return p, nil
}
