// Package relay is postroom's outbound SMTP client (RFC 5321): it finds the
// next hops of a destination, opens a session to the first one that answers,
// and sends messages to many recipients over it. It knows no queue and no
// store: each recipient gets a Result, and the caller settles.
package relay
