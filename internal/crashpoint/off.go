//go:build !crashpoints

// Package crashpoint ends the process at a named point, for the crash cases:
// only a binary built with the tag `crashpoints` can do so.
package crashpoint

// Hook is nil in a product build: no point is ever hit.
var Hook func(point string)
