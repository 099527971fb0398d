package zone

import (
	"encoding/base64"
	"net/netip"
	"slices"

	"postroom/internal/mail"
)

// spf names our senders (RFC 7208): the MX host's addresses, the other ones
// that mail goes out from, and the smarthost.
func (f Facts) spf() []Record {
	a := about{SPF, Required, "says which servers may send mail of this domain",
		"large providers refuse mail of this domain or put it into junk, and anybody can write in its name"}
	value := "v=spf1 mx" + f.Host.others()
	if f.Host.Smarthost != "" {
		value += hostTerm(f.Host.Smarthost)
	}
	return []Record{a.txt(f.Domain, value+" "+orElse(f.SPF, "-all"))}
}

// hostSPF is asked when the reverse-path is null, as that of bounces is: then
// the name in EHLO counts (RFC 7208 §2.4).
func (f Facts) hostSPF() []Record {
	if f.Host.Name == f.Domain {
		return nil
	}
	a := about{HostSPF, Recommended, "says which server may call itself by this name; it counts for bounces, which have no sender",
		"bounces and other reports from here are trusted less"}
	return []Record{a.txt(f.Host.Name, "v=spf1 a"+f.Host.others()+" -all")}
}

// others gives the terms of outgoing addresses that are not the host's own.
func (h Host) others() (terms string) {
	for _, addr := range h.Senders() {
		if !slices.Contains(h.Addresses, addr) {
			terms += ipTerm(addr)
		}
	}
	return terms
}

// hostTerm allows the addresses of a host; that a smarthost sends from those it
// is reached at is a guess, and its owner knows better.
func hostTerm(host string) string {
	if a, err := netip.ParseAddr(host); err == nil {
		return ipTerm(a.Unmap())
	}
	return " a:" + host
}

func ipTerm(a netip.Addr) string {
	if a.Is4() {
		return " ip4:" + a.String()
	}
	return " ip6:" + a.String()
}

func (f Facts) dkim() (out []Record) {
	for _, k := range f.Keys {
		out = append(out, DKIMRecord(k))
	}
	return out
}

// DKIMRecord is the TXT record that publishes a key (RFC 6376 §3.6.1).
func DKIMRecord(k mail.DKIMKey) Record {
	a := about{DKIM, Required, "lets receivers verify the signature of each message",
		"signatures of this key do not verify: mail lands in junk, and fails DMARC where it was forwarded"}
	if k.Algorithm == mail.DKIMEd25519 {
		// Receivers that do not know Ed25519 verify the RSA signature beside it
		// (RFC 8463 §3).
		a.need = Recommended
		a.breaks = "signatures of this key do not verify; receivers still have the RSA signature"
	}
	return a.txt(k.Selector+"._domainkey."+k.Domain,
		"v=DKIM1; k="+k.Algorithm+"; p="+base64.StdEncoding.EncodeToString(k.Public))
}

func (f Facts) dmarc() []Record {
	a := about{DMARC, Recommended, "says what receivers do with mail in this domain's name that neither SPF nor DKIM supports, and where reports go",
		"large providers refuse bulk mail without it, and you learn nothing of mail that others send in your name"}
	return []Record{a.txt("_dmarc."+f.Domain, "v=DMARC1; p="+orElse(f.DMARC, "none")+"; rua=mailto:postmaster@"+f.Domain)}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
