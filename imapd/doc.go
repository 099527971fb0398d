// Package imapd is the IMAP server: IMAP4rev1 (RFC 3501) and IMAP4rev2
// (RFC 9051) with the extensions of capability.go.
//
// How it holds together:
//
//   - command.go is the table of commands, capability.go that of capabilities;
//     cmd_<verb>.go holds one command each, ext_<name>.go what cuts across.
//   - One goroutine at a time runs a session and alone touches its view: that of
//     the connection waits, on a shallow stack, and others do the work (rest.go).
//     Another tiny one waits for wake-ups of mailbox and account and interrupts a
//     waiting read.
//   - Commands of a pipeline run in order; only reading runs ahead (ahead.go).
//     Responses go out 32 KiB at a time, or when no more input is waiting.
//   - No transaction and no lock is held while writing to a client: the store
//     hands over batches.
//   - wire.Input frames commands before anything parses them, so no refused
//     literal is ever executed, and memory per connection is bounded.
package imapd
