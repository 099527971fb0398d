// Package dns asks the configured DNS servers and tells apart what mail must
// tell apart: there is no such name, there is no such record, and nobody could
// say for now. Names are A-labels. The answers of a validating server keep
// their AD bit, which later decides about DANE.
package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// Resolver is what the rooms that need DNS ask for.
type Resolver interface {
	// LookupMX gives the MX records in the order of the answer; a null MX
	// (RFC 7505) is one record with Host ".".
	LookupMX(ctx context.Context, domain string) ([]MX, error)
	// LookupAddrs gives the IPv6 and IPv4 addresses of host. One family that
	// fails does not hide the other.
	LookupAddrs(ctx context.Context, host string) ([]netip.Addr, error)
	// LookupA gives the IPv4 addresses of host alone.
	LookupA(ctx context.Context, host string) ([]netip.Addr, error)
	// LookupTXT gives each TXT record with its strings joined.
	LookupTXT(ctx context.Context, name string) ([]string, error)
	// LookupPTR gives the names of an address, without the last dot.
	LookupPTR(ctx context.Context, addr netip.Addr) ([]string, error)
}

// MX is one MX record; Host is lower case without the last dot, "." for null MX.
type MX struct {
	Host       string
	Preference uint16
}

// Kind tells why a look-up gave nothing.
type Kind int

// The kinds of Error.
const (
	Temporary Kind = iota // time-out, SERVFAIL, REFUSED …: ask again later
	NotFound              // NXDOMAIN: the name does not exist
	NoRecords             // the name exists, without records of this type
)

// Error is the error of every look-up.
type Error struct {
	Name string
	Type string // "MX", "A" …
	Kind Kind
	Err  error // cause of a temporary one; may be nil
}

// Error gives a line for logs and DSNs: name, type and reason only.
func (e *Error) Error() string {
	switch e.Kind {
	case NotFound:
		return fmt.Sprintf("DNS: no such name %s", e.Name)
	case NoRecords:
		return fmt.Sprintf("DNS: %s has no %s records", e.Name, e.Type)
	}
	if e.Err == nil {
		return fmt.Sprintf("DNS: look-up of %s %s failed for now", e.Name, e.Type)
	}
	return fmt.Sprintf("DNS: look-up of %s %s failed for now: %v", e.Name, e.Type, e.Err)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// IsTemporary tells that asking again later may help. Errors of other kinds
// (a cancelled context) are temporary too.
func IsTemporary(err error) bool {
	if err == nil {
		return false
	}
	var e *Error
	return !errors.As(err, &e) || e.Kind == Temporary
}

// IsNotFound tells NXDOMAIN.
func IsNotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == NotFound
}

// IsNoRecords tells a name that exists without records of the type.
func IsNoRecords(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == NoRecords
}
