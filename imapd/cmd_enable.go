package imapd

import (
	"context"
	"strings"

	"postroom/imapd/wire"
)

// parseEnable parses
//
//	enable = "ENABLE" 1*(SP capability)            ; RFC 9051 §6.3.1, RFC 5161
func parseEnable(_ *session, d *wire.Decoder) []string {
	names := []string{d.Word()}
	for d.Try(' ') {
		names = append(names, d.Word())
	}
	return names
}

// runEnable switches on what it knows and passes over the rest.
func runEnable(_ context.Context, s *session, names []string) (reply, error) {
	s.enc.Raw("* ENABLED")
	for _, n := range names {
		for _, c := range capabilities {
			if c.enable != 0 && strings.EqualFold(c.name, n) && s.enabled&c.enable == 0 {
				s.enable(c.enable)
				s.enc.Raw(" ", c.name)
			}
		}
	}
	s.enc.CRLF()
	return reply{}, nil
}

func (s *session) enable(f feature) {
	s.enabled |= f
	s.enc.UTF8 = s.enabled&(featureRev2|featureUTF8) != 0
}

func (s *session) has(f feature) bool { return s.enabled&f != 0 }
