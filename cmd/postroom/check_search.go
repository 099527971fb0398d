package main

import (
	"fmt"

	"postroom/store"
)

// searchIndex tells how far the index is: searches are right without it, but
// slow in large mailboxes.
func (c *checker) searchIndex(s *store.Store) {
	p, err := s.SearchProgress(c.e.ctx)
	switch {
	case err != nil:
		c.failed("search", err)
	case p.Unindexed == 0:
		c.add("search", levelOK, "every message is indexed", "")
	default:
		c.add("search", levelNote, fmt.Sprintf("up to %d messages are not indexed yet: searches find them, but read them one by one", p.Unindexed),
			"the server indexes while it has time: postroom search status tells how far it is")
	}
}
