package imapd

import (
	"context"

	"postroom/imapd/wire"
)

// parseCompress parses
//
//	compress  = "COMPRESS" SP algorithm            ; RFC 4978 §5
//	algorithm = "DEFLATE"
func parseCompress(_ *session, d *wire.Decoder) struct{} {
	if d.Word() != "DEFLATE" {
		d.Fail("the one compression mechanism is DEFLATE")
	}
	return struct{}{}
}

// runCompress compresses everything behind its tagged OK. TLS as spoken here
// never compresses, so no other layer does already.
func runCompress(_ context.Context, s *session, _ struct{}) (reply, error) {
	switch {
	case s.deflate != nil:
		return reply{}, bad("DEFLATE is active already")
	case s.in.Buffered() > 0:
		// Nobody can tell whether it is compressed (RFC 4978 §3).
		return reply{}, bad("nothing may follow COMPRESS before its reply")
	}
	s.enc.Raw(s.tag, " OK DEFLATE active\r\n")
	if err := s.enc.Flush(); err != nil {
		return reply{}, err
	}
	s.deflate = &deflate{conn: s.conn}
	s.in.Reset(s.deflate)
	s.enc.Reset(s.deflate)
	return reply{}, errReplied
}
