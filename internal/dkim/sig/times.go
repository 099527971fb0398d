package sig

import "time"

const (
	// skew is how long after x= a signature still counts: clocks differ (RFC
	// 6376 §3.5, x=, allows for it).
	skew = 5 * time.Minute
	// maxFuture is how far t= may lie ahead. A signer whose clock is wrong by
	// hours forges nothing.
	maxFuture = 24 * time.Hour
)

// InTime refuses a signature that expired or was made in the future; a
// Verifier may (RFC 6376 §3.5, t= and x=; §6.1.1).
func (s *Signature) InTime(now time.Time) *Failure {
	switch {
	case s.Expires >= 0 && now.Add(-skew).Unix() > s.Expires:
		return NewFailure(Fail, "signature expired")
	case s.Time > now.Add(maxFuture).Unix():
		return NewFailure(Policy, "signature from the future")
	}
	return nil
}
