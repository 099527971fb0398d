package main

import (
	"fmt"

	"postroom/internal/mail"
)

type searchCmd struct {
	Status searchStatusCmd `cmd:"" help:"Tell how far the search index is."`
	Reread searchRereadCmd `cmd:"" help:"Have the server read all PDF and office files again: search_text_helper is another, or was mended."`
}

type searchStatusCmd struct {
	Watch bool `short:"w" help:"Show a bar until all mail is indexed."`
}

func (c searchStatusCmd) Run(e *env) error {
	s, err := e.store()
	if err != nil {
		return err
	}
	p, err := s.SearchProgress(e.ctx)
	if err != nil {
		return err
	}
	if c.Watch && p.Unindexed > 0 {
		if p, err = watchSearch(e, p, s.SearchProgress); err != nil {
			return err
		}
	}
	return e.result(p, func() { e.fields(c.fields(e, p)...) })
}

// fields says nothing of files where no program reads them.
func (searchStatusCmd) fields(e *env, p mail.SearchProgress) []string {
	out := []string{"messages", fmt.Sprint(p.Messages), "indexed", part(p.Messages-p.Unindexed, p.Messages)}
	if cfg, err := e.config(); err == nil && cfg.SearchTextHelper != "" {
		out = append(out, "files read", part(p.Messages-p.Unread, p.Messages))
	}
	return out
}

// part is a number and what of another it is.
func part(n, of int64) string {
	if of == 0 {
		return "all"
	}
	return fmt.Sprintf("%d (%d %%)", n, 100*n/of)
}

type searchRereadCmd struct{}

func (searchRereadCmd) Run(e *env) error {
	s, err := e.store()
	if err != nil {
		return err
	}
	if err := e.working("forgetting", func() error { return s.ForgetDocuments(e.ctx) }); err != nil {
		return err
	}
	p, err := s.SearchProgress(e.ctx)
	if err != nil {
		return err
	}
	return e.result(p, func() {
		e.say("the server reads all PDF and office files again; until then searches do not find their text")
	})
}
