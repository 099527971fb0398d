package imapd

import (
	"math"
	"time"

	"postroom/internal/mail"
)

// within parses
//
//	search-key =/ ("OLDER" / "YOUNGER") SP nz-number   ; RFC 5032 §3
//
// The internal date is compared, to the second, with the time that many
// seconds ago (§2), which is another one whenever it is asked.
func within(bounds func(target time.Time) (above, below int64)) func(*searchParser) criterion {
	return func(p *searchParser) criterion {
		p.d.SP()
		ago := time.Duration(p.d.NZNumber()) * time.Second
		now := p.s.srv.Now
		return p.between(mail.ByReceived, func() (int64, int64) { return bounds(now().Add(-ago).Truncate(time.Second)) })
	}
}

func older(target time.Time) (above, below int64) {
	return math.MinInt64, target.Add(time.Second).UnixMicro()
}
func younger(target time.Time) (above, below int64) { return target.UnixMicro() - 1, math.MaxInt64 }
