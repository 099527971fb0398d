// Package canon canonicalizes header fields and bodies and hashes them, as
// DKIM (RFC 6376 §3.4, §3.7) and ARC (RFC 8617 §5.2) do. SHA-256 is the only
// hash: RFC 8301 §3.1 withdraws SHA-1, RFC 8463 §3 adds none.
package canon

// Kind is a canonicalization algorithm.
type Kind uint8

// The algorithms of RFC 6376 §3.4.
const (
	Simple Kind = iota
	Relaxed
)

// NoLimit stands for the whole body: a signature without l=.
const NoLimit = -1

// ParseKind reads the name of an algorithm; names are case-sensitive (RFC 6376
// §3.2).
func ParseKind(name string) (Kind, bool) {
	switch name {
	case "simple":
		return Simple, true
	case "relaxed":
		return Relaxed, true
	}
	return 0, false
}
