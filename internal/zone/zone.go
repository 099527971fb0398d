// Package zone knows every DNS record that a mail domain and the name of its
// server need: what it is, why it is there and what breaks without it; it
// writes them as a zone file and compares them with what the DNS answers.
// Names are A-labels without the last dot.
package zone

import (
	"crypto/x509"
	"net/netip"
	"slices"

	"postroom/internal/mail"
)

// Facts are what the records of a domain follow from.
type Facts struct {
	Host   Host
	Domain string
	Keys   []mail.DKIMKey // that sign
	// SPF is what the domain says of mail from anywhere else: "-all" when "".
	SPF string
	// DMARC is the policy p: none, quarantine or reject; "none" when "".
	DMARC string
	// MTASTS is the id of the MTA-STS policy that is served; "": there is none.
	MTASTS string
}

// Host is what the server knows of itself, for all its domains.
type Host struct {
	Name      string       // its hostname, which MX records name
	Addresses []netip.Addr // at which the internet reaches it; empty: unknown
	Outgoing  []netip.Addr // that mail goes out from; empty: Addresses
	Smarthost string       // name of the relay that all mail goes out through; "": none
	Ports     Ports
	// Leaf is the certificate that is served; nil: unknown.
	Leaf *x509.Certificate
	// ACMEDirectory is the URL that certificates come from; "": none.
	ACMEDirectory string
}

// Ports are the TCP ports that are served; 0: that service is not.
type Ports struct {
	SMTP, Submissions, Submission, IMAPS, IMAP int
	HTTPS                                      int // autoconfig, autodiscover, MTA-STS policies
}

// Need tells how much depends on a record.
type Need string

// The needs.
const (
	Required    Need = "required"    // without it mail does not come, or is refused by many
	Recommended Need = "recommended" // without it mail is trusted less
	Optional    Need = "optional"    // a convenience, or more safety
)

// Kind is what a record is for.
type Kind string

// The kinds.
const (
	MX         Kind = "mx"
	Address    Kind = "address"
	PTR        Kind = "ptr"
	SPF        Kind = "spf"
	HostSPF    Kind = "host-spf"
	DKIM       Kind = "dkim"
	DMARC      Kind = "dmarc"
	MTASTS     Kind = "mta-sts"
	MTASTSHost Kind = "mta-sts-host"
	TLSRPT     Kind = "tlsrpt"
	SRV        Kind = "srv"
	Autoconfig Kind = "autoconfig"
	TLSA       Kind = "tlsa"
	CAA        Kind = "caa"
)

// Record is one record to be published.
type Record struct {
	Name   string `json:"name"` // A-labels, without the final dot
	Type   string `json:"type"`
	Value  string `json:"value"` // as a provider's form wants it: one string
	Zone   string `json:"zone"`  // the line of a zone file; TXT split into strings
	Kind   Kind   `json:"kind"`
	Need   Need   `json:"need"`
	Why    string `json:"why"`
	Breaks string `json:"breaks"` // what happens while it is missing or wrong
}

// Records gives all records of a domain, the important ones first. Those of the
// host are the same for each of its domains.
func Records(f Facts) []Record {
	return slices.Concat(f.mx(), f.addresses(), f.ptr(), f.spf(), f.dkim(), f.dmarc(), f.hostSPF(),
		f.mtaSTS(), f.tlsReports(), f.services(), f.autoconfig(), f.tlsa(), f.caa())
}

// Senders gives the addresses that mail goes out from.
func (h Host) Senders() []netip.Addr {
	if len(h.Outgoing) > 0 {
		return h.Outgoing
	}
	return h.Addresses
}
