package zone

import "fmt"

// mtaSTS is there when a policy is served (RFC 8461 §3.1, §3.3).
func (f Facts) mtaSTS() []Record {
	if f.MTASTS == "" {
		return nil
	}
	host := about{MTASTSHost, Optional, "where senders read the MTA-STS policy",
		"senders cannot read the policy: new ones send as if there were none"}
	return []Record{MTASTSRecord(f.Domain, f.MTASTS), host.record("mta-sts."+f.Domain, "CNAME", f.Host.Name+".")}
}

// MTASTSRecord is the TXT record by which senders find out about the policy
// with that id (RFC 8461 §3.1).
func MTASTSRecord(domain, id string) Record {
	a := about{MTASTS, Optional, "tells senders that a policy asks them to use TLS, and when it changed",
		"senders do not look for the policy, or keep the old one"}
	return a.txt("_mta-sts."+domain, "v=STSv1; id="+id+";")
}

// tlsReports asks for reports of failed TLS (RFC 8460 §3).
func (f Facts) tlsReports() []Record {
	a := about{TLSRPT, Optional, "asks other servers to report when TLS to this one failed",
		"nobody tells you when TLS fails"}
	return []Record{a.txt("_smtp._tls."+f.Domain, "v=TLSRPTv1; rua=mailto:postmaster@"+f.Domain)}
}

// services are where mail programs look for the servers of an address: RFC
// 6186, and RFC 8314 for submissions. The target "." says that a service is
// not there at all.
func (f Facts) services() (out []Record) {
	p := f.Host.Ports
	for i, s := range []struct {
		label string
		port  int
	}{{"_submissions", p.Submissions}, {"_imaps", p.IMAPS}, {"_submission", p.Submission}, {"_imap", p.IMAP},
		{"_pop3s", 0}, {"_pop3", 0}} {
		a := about{SRV, Optional, "mail programs find this service by it", "some mail programs ask people for names and ports"}
		value := fmt.Sprintf("%d 1 %d %s.", i, s.port, f.Host.Name)
		if s.port == 0 {
			a.why, a.breaks = "tells mail programs that this service is not offered", "some mail programs try it in vain first"
			value = "0 0 0 ."
		}
		out = append(out, a.record(s.label+"._tcp."+f.Domain, "SRV", value))
	}
	return out
}

// autoconfig is there when the settings of mail programs are served by HTTPS.
func (f Facts) autoconfig() []Record {
	if f.Host.Ports.HTTPS == 0 {
		return nil
	}
	a := about{Autoconfig, Optional, "Thunderbird and others read their settings there", "people type names and ports themselves"}
	m := about{Autoconfig, Optional, "Outlook reads its settings there", "people type names and ports themselves"}
	s := m
	s.kind = SRV
	return []Record{a.record("autoconfig."+f.Domain, "CNAME", f.Host.Name+"."),
		m.record("autodiscover."+f.Domain, "CNAME", f.Host.Name+"."),
		s.record("_autodiscover._tcp."+f.Domain, "SRV", fmt.Sprintf("0 1 %d %s.", f.Host.Ports.HTTPS, f.Host.Name))}
}
