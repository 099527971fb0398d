// Package view holds a selected mailbox as sessions see it: UIDs, sequence
// numbers, flags, and what a client has not been told yet. It is pure memory:
// SQL is behind Source.
//
// A Registry keeps at most one immutable Snapshot per mailbox and node, shared
// by all its sessions. A View belongs to one session and is touched by its
// goroutine alone: it knows what its client was told (sequence numbers) and
// the newest snapshot; Flush turns the difference into untagged responses.
//
// A View opened by SELECT holds three numbers only, and is built at first need:
//
//	v := registry.Open(account, mailbox, state) // no reading
//	v.Sync(ctx)                                 // after a wake, or before a response
//	for _, u := range v.Flush(mayExpunge) { … } // EXPUNGE, EXISTS, FETCH
//	v.Build(ctx)                                // before any sequence number is used
package view
