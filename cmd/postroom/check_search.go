package main

import (
	"fmt"

	"postroom/store"
)

// searchIndex tells how far the index is: searches are right without it, but
// slow in large mailboxes.
func (c *checker) searchIndex(s *store.Store) {
	n, err := s.SearchBacklog(c.e.ctx)
	switch {
	case err != nil:
		c.failed("search", err)
	case n == 0:
		c.add("search", levelOK, "every message is indexed", "")
	default:
		c.add("search", levelNote, fmt.Sprintf("up to %d messages are not indexed yet: searches find them, but read them one by one", n),
			"the server indexes while it has time; its log tells how far it is")
	}
}
