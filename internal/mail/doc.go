// Package mail is postroom's vocabulary: the nouns that every room shares
// (addresses, envelopes, UIDs, flags, summaries, deliveries, outcomes) and the
// error codes that protocol rooms turn into replies. It imports the standard
// library only and does no I/O.
package mail
