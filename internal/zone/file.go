package zone

import (
	"fmt"
	"io"
	"strings"
)

// WriteFile writes records as a zone file of domain. What does not belong into
// that zone (the names of a host elsewhere, reverse names), and what must not
// be published unread (TLSA), stands there as comment.
func WriteFile(w io.Writer, domain string, records []Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "$TTL 3600\n")
	for _, r := range records {
		fmt.Fprintf(&b, "\n; %s: %s\n", r.Need, r.Why)
		switch {
		case r.Kind == PTR:
			fmt.Fprintf(&b, "; not in this zone, ask the provider of the address:\n; %s\n", r.Zone)
		case !within(r.Name, domain):
			fmt.Fprintf(&b, "; in the zone of that name:\n; %s\n", r.Zone)
		case r.Kind == TLSA:
			fmt.Fprintf(&b, "; only with DNSSEC, and only while renewals keep the key:\n; %s\n", r.Zone)
		default:
			b.WriteString(r.Zone + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func within(name, domain string) bool {
	return name == domain || strings.HasSuffix(name, "."+domain)
}
