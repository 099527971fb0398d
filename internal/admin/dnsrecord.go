package admin

import (
	"context"
	"strings"

	"postroom/internal/mail"
)

// DNSRecord is one record to be published.
type DNSRecord struct {
	Name  string `json:"name"` // A-labels, without the final dot
	Type  string `json:"type"`
	Value string `json:"value"` // as a provider's form wants it: one string
	Zone  string `json:"zone"`  // the line of a zone file; TXT split into strings
}

// maxTXTString is the longest character-string of a TXT record (RFC 1035
// §3.3); longer values are several, which readers join (RFC 6376 §3.6.2.2).
const maxTXTString = 255

func txtRecord(name, value string) DNSRecord {
	var parts []string
	for rest := value; rest != ""; {
		n := min(len(rest), maxTXTString)
		parts = append(parts, `"`+rest[:n]+`"`)
		rest = rest[n:]
	}
	text := strings.Join(parts, " ")
	if len(parts) > 1 {
		text = "( " + text + " )"
	}
	return DNSRecord{Name: name, Type: "TXT", Value: value, Zone: name + ". IN TXT " + text}
}

// DNSRecords gives what a domain should publish so that mail comes here and
// what is sent from here is believed: MX to the host's name, SPF, the DKIM keys
// that sign, DMARC.
func (a *Admin) DNSRecords(ctx context.Context, domain, hostname string) ([]DNSRecord, error) {
	d, err := domainName(domain)
	if err != nil {
		return nil, err
	}
	host, err := domainName(hostname)
	if err != nil {
		return nil, err
	}
	if _, err := a.Store.Domain(ctx, d); err != nil {
		return nil, err
	}
	keys, err := a.Store.DKIMKeys(ctx, d)
	if err != nil {
		return nil, err
	}
	records := []DNSRecord{
		{Name: d, Type: "MX", Value: "10 " + host + ".", Zone: d + ". IN MX 10 " + host + "."},
		txtRecord(d, "v=spf1 mx -all"),
	}
	for _, k := range signing(keys) {
		records = append(records, dkimRecord(k))
	}
	return append(records, txtRecord("_dmarc."+d, "v=DMARC1; p=none; rua=mailto:postmaster@"+d)), nil
}

func signing(keys []mail.DKIMKey) (out []mail.DKIMKey) {
	for _, k := range keys {
		if k.RetiredAt.IsZero() {
			out = append(out, k)
		}
	}
	return out
}
