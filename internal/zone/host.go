package zone

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	mdns "github.com/miekg/dns"
)

func (f Facts) mx() []Record {
	a := about{MX, Required, "leads mail for the domain to this server",
		"mail for the domain goes elsewhere, or back to its senders"}
	return []Record{a.record(f.Domain, "MX", "10 "+f.Host.Name+".")}
}

func (f Facts) addresses() (out []Record) {
	a := about{Address, Required, "the address of this server",
		"no other server and no mail program finds this one"}
	for _, addr := range f.Host.Addresses {
		typ := "A"
		if !addr.Is4() {
			typ = "AAAA"
		}
		out = append(out, a.record(f.Host.Name, typ, addr.String()))
	}
	return out
}

// ptr gives the reverse names of all addresses, those that only send too. Who
// gave the address sets them, not the domain's owner.
func (f Facts) ptr() (out []Record) {
	a := about{PTR, Required, "the way back from the address to the name; the provider of the address sets it",
		"many servers refuse mail from an address without a name of its own"}
	seen := map[netip.Addr]bool{}
	for _, addr := range append(f.Host.Senders(), f.Host.Addresses...) {
		reverse, err := mdns.ReverseAddr(addr.String())
		if err != nil || seen[addr] {
			continue
		}
		seen[addr] = true
		out = append(out, a.record(strings.TrimSuffix(reverse, "."), "PTR", f.Host.Name+"."))
	}
	return out
}

// tlsa binds the certificate's public key to the name: DANE-EE, SHA-256 of the
// SubjectPublicKeyInfo, which RFC 7672 §3.1 recommends for SMTP. It stays right
// while renewals keep the key.
func (f Facts) tlsa() []Record {
	if f.Host.Leaf == nil || f.Host.Ports.SMTP == 0 {
		return nil
	}
	a := about{TLSA, Optional, "tells senders with DANE which key this server has; it needs DNSSEC, without which it is ignored",
		"missing: nothing breaks. Wrong, in a zone with DNSSEC: senders with DANE deliver nothing until it is right"}
	sum := sha256.Sum256(f.Host.Leaf.RawSubjectPublicKeyInfo)
	name := "_" + strconv.Itoa(f.Host.Ports.SMTP) + "._tcp." + f.Host.Name
	return []Record{a.record(name, "TLSA", "3 1 1 "+hex.EncodeToString(sum[:]))}
}

// authorities are the names in CAA records of ACME directories, by their host.
var authorities = map[string]string{
	"acme-v02.api.letsencrypt.org":         "letsencrypt.org",
	"acme-staging-v02.api.letsencrypt.org": "letsencrypt.org",
	"acme.zerossl.com":                     "sectigo.com",
	"dv.acme-v02.api.pki.goog":             "pki.goog",
}

// caa stands at the hostname and not at the domain, where it would bind the
// certificates of the company's other servers too (RFC 8659 §3).
func (f Facts) caa() []Record {
	u, err := url.Parse(f.Host.ACMEDirectory)
	if err != nil || authorities[u.Hostname()] == "" {
		return nil
	}
	a := about{CAA, Optional, "says which authority may issue certificates for this server",
		"missing: any authority may. Wrong: the certificate cannot be renewed"}
	return []Record{a.record(f.Host.Name, "CAA", `0 issue "`+authorities[u.Hostname()]+`"`)}
}
