package imapd

import "context"

// noop  = "NOOP"            ; RFC 9051 §6.1.2
// check = "CHECK"           ; RFC 3501 §6.4.1: here everything is durable, so it is NOOP
//
// The command loop sends what is new before the tagged OK.
func runNoop(context.Context, *session, struct{}) (reply, error) { return reply{}, nil }
