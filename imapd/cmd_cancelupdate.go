package imapd

import (
	"context"
	"slices"

	"postroom/imapd/wire"
)

// parseCancelUpdate parses
//
//	command-select =/ "CANCELUPDATE" 1*(SP quoted)   ; RFC 5267 §5
func parseCancelUpdate(_ *session, d *wire.Decoder) (tags []string) {
	for first := true; d.Err() == nil && (first || d.Try(' ')); first = false {
		tags = append(tags, d.String())
	}
	return tags
}

func runCancelUpdate(_ context.Context, s *session, tags []string) (reply, error) {
	s.sel.live = slices.DeleteFunc(s.sel.live, func(l *liveSearch) bool { return slices.Contains(tags, l.tag) })
	return reply{}, nil
}
