package imapd

import (
	"strings"

	"postroom/internal/mail"
)

// uidRequired refuses sequence numbers once UIDONLY is enabled (RFC 9586 §3).
func uidRequired() error {
	return &failure{"BAD", "UIDREQUIRED", "sequence numbers are not allowed with UIDONLY"}
}

// numbered tells whether a command takes sequence numbers: those of which
// there is a UID form, but EXPUNGE, which takes none (RFC 9586 §3.2, §3.8).
func (c *command) numbered() bool {
	return !strings.HasPrefix(c.name, "UID ") && commands["UID "+c.name] != nil && c.name != "EXPUNGE"
}

// beginFetch begins a response about a message, up to its first item:
//
//	message-data  = nz-number SP "FETCH" SP msg-att     ; RFC 9051 §9
//	uidfetch-resp = uniqueid SP "UIDFETCH" SP msg-att   ; RFC 9586 §4
func (s *session) beginFetch(seq uint32, uid mail.UID) {
	if s.has(featureUIDOnly) {
		s.enc.Raw("* ").Number(uint64(uid)).Raw(" UIDFETCH (")
		return
	}
	s.enc.Raw("* ").Number(uint64(seq)).Raw(" FETCH (")
}
