package delivery

import (
	"crypto/sha256"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// fingerprint recognises a message that is sent again because the peer never
// read our 250: the same network (or account), reverse-path, recipients and
// octets. Only a message that names itself by a Message-ID gets one: without
// it two equal messages may well be two.
func fingerprint(s *mail.Session, e *mail.Envelope, hash [32]byte) []byte {
	who := "net " + network(s.Peer.Addr())
	if s.Authenticated() {
		who = "account " + strconv.FormatInt(int64(s.Account), 10)
	}
	to := make([]string, len(e.Recipients))
	for i, r := range e.Recipients {
		to[i] = address.Key(r.Address.Local) + "@" + r.Address.Domain
	}
	slices.Sort(to)
	h := sha256.New()
	h.Write([]byte(who + "\n" + e.From.String() + "\n" + strings.Join(to, "\n") + "\n\n"))
	h.Write(hash[:])
	return h.Sum(nil)
}

// network is what a sender with several outgoing hosts has in common.
func network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return "none"
	}
	return p.String()
}
