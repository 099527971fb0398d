package imapd

import (
	"context"
	"log/slog"

	"postroom/imapd/wire"
)

// idFields is how many pairs a client may name (RFC 2971 §3.3).
const idFields = 30

// parseID parses
//
//	id              = "ID" SP id-params-list            ; RFC 2971 §4
//	id-params-list  = "(" *(string SP nstring) ")" / nil
func parseID(_ *session, d *wire.Decoder) map[string]string {
	if d.TryWord("NIL") {
		return nil
	}
	fields := map[string]string{}
	d.Expect('(')
	for first := true; d.Err() == nil && !d.Try(')'); first = false {
		if !first {
			d.SP()
		}
		name := d.String()
		d.SP()
		value, _ := d.NString()
		if len(fields) >= idFields || len(name) > 30 || len(value) > 1024 {
			d.Fail("too many or too long ID fields")
		}
		fields[name] = value
	}
	return fields
}

func runID(_ context.Context, s *session, fields map[string]string) (reply, error) {
	if name := fields["name"]; name != "" {
		s.client = name
		s.event(slog.LevelDebug, "client", slog.String("name", name), slog.String("version", fields["version"]))
	}
	s.note()
	// No version: an attacker learns nothing from it (RFC 2971 §5).
	s.enc.Raw(`* ID ("name" "postroom")`, "\r\n")
	return reply{}, nil
}
