package address

import "strings"

// Unnumbered gives the key of a local part without what differs from message
// to message in reverse-paths of lists and bounces: every run of digits is #,
// and what stands behind the first + or = (a VERP recipient, a tag) is left
// out.
func Unnumbered(local string) string {
	key := Key(local)
	if i := strings.IndexAny(key, "+="); i > 0 {
		key = key[:i]
	}
	var b strings.Builder
	digits := false
	for _, r := range key {
		if r >= '0' && r <= '9' {
			if !digits {
				b.WriteByte('#')
			}
			digits = true
			continue
		}
		digits = false
		b.WriteRune(r)
	}
	return b.String()
}
