// Package indexer fills the search index behind delivery: it looks for
// mailboxes with messages that the index does not know, reads them in small
// batches and saves what internal/searchtext makes of them. One node does so
// at a time. It may be stopped anywhere: what is saved is whole, and the next
// round goes on from there. Searches are right all the while, for they read
// themselves what is not indexed.
package indexer
