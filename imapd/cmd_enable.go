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
func runEnable(ctx context.Context, s *session, names []string) (reply, error) {
	var news feature
	s.enc.Raw("* ENABLED")
	for _, n := range names {
		for _, c := range capabilities {
			if c.enable != 0 && strings.EqualFold(c.name, n) && !s.without(c.name) && (s.enabled|news)&c.enable == 0 {
				news |= c.enable
				s.enc.Raw(" ", c.name)
			}
		}
	}
	s.enc.CRLF()
	s.enable(news)
	if news&featureMetadata != 0 {
		return reply{}, s.watchMetadata(ctx)
	}
	return reply{}, nil
}

// enable switches features on. The first command that enables CONDSTORE while
// a mailbox is selected is told its HIGHESTMODSEQ (RFC 7162 §3.1).
func (s *session) enable(f feature) {
	if f&featureQresync != 0 {
		f |= featureCondstore // RFC 7162 §3.2.3
	}
	first := f&featureCondstore != 0 && !s.has(featureCondstore)
	s.enabled |= f
	if f&featureUIDOnly != 0 && s.sel != nil {
		for _, l := range s.sel.live {
			l.uid = true
		}
	}
	s.enc.UTF8 = s.enabled&(featureRev2|featureUTF8) != 0
	if first && s.sel != nil {
		s.writeHighest(s.sel.view.ModSeq())
	}
}

func (s *session) has(f feature) bool { return s.enabled&f != 0 }
