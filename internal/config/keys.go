package config

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// key is one row of THE table of configuration keys.
type key struct {
	name  string // as in the file; the variable is POSTROOM_ and this in capitals, dots as _
	def   string
	about string
	set   func(*Config, string) error
	get   func(*Config) string
}

// keys is everything that can be configured; docs/configuration.md follows it.
var keys = []key{
	text("hostname", "", "name of this server in SMTP, IMAP and Received (default: the system's)",
		func(c *Config) *string { return &c.Hostname }),
	text("data_dir", "/var/lib/postroom", "certificates, master key, spool, private PostgreSQL",
		func(c *Config) *string { return &c.DataDir }),
	{"database_url", "", "PostgreSQL 15 or newer; empty: a private one in data_dir",
		func(c *Config, s string) error { c.DatabaseURL = s; return checkDatabaseURL(s) },
		func(c *Config) string { return redactURL(c.DatabaseURL) }},
	text("master_key_file", "", "key of the secrets in the database (default: data_dir/master.key, made on first start)",
		func(c *Config) *string { return &c.MasterKeyFile }),
	{"roles", "smtp,imap,queue,http", "what this process does: smtp, imap, queue, http",
		setRoles, func(c *Config) string { return strings.Join(c.Roles, ",") }},
	list("listen.smtp", ":25", "addresses for mail from other servers (MX)",
		func(c *Config) *[]string { return &c.Listen.SMTP }),
	list("listen.submissions", ":465", "addresses for submission, TLS from the start",
		func(c *Config) *[]string { return &c.Listen.Submissions }),
	list("listen.submission", ":587", "addresses for submission, STARTTLS",
		func(c *Config) *[]string { return &c.Listen.Submission }),
	list("listen.imap", ":143", "addresses for IMAP, STARTTLS",
		func(c *Config) *[]string { return &c.Listen.IMAP }),
	list("listen.imaps", ":993", "addresses for IMAP, TLS from the start",
		func(c *Config) *[]string { return &c.Listen.IMAPS }),
	list("imap_without", "", "IMAP capabilities that are not offered: NAME, or NAME:client for programs of that name",
		func(c *Config) *[]string { return &c.IMAPWithout }),
	{"imap_message_limit", "0", "most messages that one IMAP command works on; 0: any number", // RFC 9738 §3: at least 1,000
		func(c *Config, s string) error {
			n, err := strconv.Atoi(s)
			if err != nil || n != 0 && (n < 1000 || n > 1_000_000_000) {
				return errorf("it must be 0 or a whole number from 1000 on")
			}
			c.IMAPMessageLimit = n
			return nil
		},
		func(c *Config) string { return strconv.Itoa(c.IMAPMessageLimit) }},
	list("listen.http", "", "addresses for HTTP: settings of mail programs, health; empty: off",
		func(c *Config) *[]string { return &c.Listen.HTTP }),
	list("listen.https", "", "addresses for HTTPS: the same, and MTA-STS policies; empty: off, or a proxy's",
		func(c *Config) *[]string { return &c.Listen.HTTPS }),
	list("listen.metrics", "", "addresses for metrics, on loopback where only a port is given; empty: off",
		func(c *Config) *[]string { return &c.Listen.Metrics }),
	text("tls_cert", "", "certificate chain, PEM; reread when it changes; empty: self-signed",
		func(c *Config) *string { return &c.TLSCert }),
	text("tls_key", "", "private key of tls_cert, PEM",
		func(c *Config) *string { return &c.TLSKey }),
	choice("acme", "off", "certificates from an authority by ACME: on or off; on agrees to its terms",
		[]string{"off", "on"}, func(c *Config) *string { return &c.ACME.Mode }),
	text("acme_email", "", "address by which the authority can reach you; needed with acme",
		func(c *Config) *string { return &c.ACME.Email }),
	{"acme_directory", "https://acme-v02.api.letsencrypt.org/directory", "ACME directory of the authority (default: Let's Encrypt)",
		func(c *Config, s string) error { c.ACME.Directory = s; return checkDirectory(s) },
		func(c *Config) string { return c.ACME.Directory }},
	text("acme_ca", "", "authorities trusted for acme_directory itself, PEM; empty: the system's",
		func(c *Config) *string { return &c.ACME.CA }),
	list("acme_names", "", "names to get certificates for; empty: hostname, and hosts of the domains that lead here",
		func(c *Config) *[]string { return &c.ACME.Names }),
	{"acme_dns_server", "", "primary DNS server for DNS-01 by dynamic update, host:port; empty: HTTP-01 and TLS-ALPN-01",
		func(c *Config, s string) error { c.ACME.DNSServer = withDNSPort(s); return nil },
		func(c *Config) string { return c.ACME.DNSServer }},
	text("acme_dns_key", "", "file with the TSIG key of acme_dns_server, as tsig-keygen prints it",
		func(c *Config) *string { return &c.ACME.DNSKey }),
	text("client_ca", "", "authorities of client certificates, PEM; empty: none are asked for",
		func(c *Config) *string { return &c.ClientCA }),
	choice("scram", "off", "SCRAM: off, with app-passwords, or with all passwords, chosen ones too",
		[]string{"off", "app-passwords", "all"}, func(c *Config) *string { return &c.Scram }),
	{"oidc_issuer", "", "issuer of bearer tokens, https://…; empty: none are taken",
		func(c *Config, s string) error { c.OIDCIssuer = s; return checkIssuer(s) },
		func(c *Config) string { return c.OIDCIssuer }},
	text("oidc_audience", "", "audience that tokens must be for: the client id of mail programs at the issuer",
		func(c *Config) *string { return &c.OIDCAudience }),
	text("oidc_claim", "email", "claim that holds the address of the account",
		func(c *Config) *string { return &c.OIDCClaim }),
	networks("proxy_networks", "networks whose PROXY protocol header is believed",
		func(c *Config) *[]netip.Prefix { return &c.ProxyNetworks }),
	networks("http_proxies", "networks of a proxy that owns 443 and says so in X-Forwarded-Proto",
		func(c *Config) *[]netip.Prefix { return &c.HTTPProxies }),
	text("postmaster", "", "address that gets postmaster@ and abuse@ of domains that have none",
		func(c *Config) *string { return &c.Postmaster }),
	{"max_message_size", "50MB", "largest message taken",
		func(c *Config, s string) (err error) { c.MaxMessageSize, err = parseSize(s); return err },
		func(c *Config) string { return formatSize(c.MaxMessageSize) }},
	choice("quota_policy", "temporary", "answer to mail over quota: temporary (452) or permanent (552)",
		[]string{"temporary", "permanent"}, func(c *Config) *string { return &c.QuotaPolicy }),
	choice("greylist", "on", "tell peers that look like no mail server to come again: on or off", []string{"on", "off"},
		func(c *Config) *string { return &c.Greylist }),
	{"dnsbl", "", "DNS lists of peers whose mail is refused; empty: none", func(c *Config, s string) error { return setZones(&c.DNSBL, s) },
		func(c *Config) string { return strings.Join(c.DNSBL, ",") }},
	{"dnswl", "", "DNS lists of peers that are neither refused by dnsbl nor greylisted; empty: none",
		func(c *Config, s string) error { return setZones(&c.DNSWL, s) }, func(c *Config) string { return strings.Join(c.DNSWL, ",") }},
	text("search_text_helper", "", "program that reads the text of PDF and office files for searches; empty: they are not searched",
		func(c *Config) *string { return &c.SearchTextHelper }),
	list("dns_servers", "", "DNS servers, host:port; empty: /etc/resolv.conf",
		func(c *Config) *[]string { return &c.DNSServers }),
	choice("checks", "on", "SPF, DKIM, DMARC, ARC and reverse names of mail from other servers: on, or off behind a gateway that checks",
		[]string{"on", "off"}, func(c *Config) *string { return &c.Checks }),
	choice("own_domains", "refuse", "mail from other servers that claims a domain served here without its SPF or DKIM: refuse, junk or accept",
		[]string{"refuse", "junk", "accept"}, func(c *Config) *string { return &c.OwnDomains }),
	list("trusted_sealers", "", "domains whose ARC seal is believed where a DMARC policy would refuse mail that they forwarded",
		func(c *Config) *[]string { return &c.TrustedSealers }),
	number("relay_port", "25", "port of other domains' servers; only tests change it", 1, 65535,
		func(c *Config) *int { return &c.RelayPort }),
	number("relay_connections", "4", "connections to one destination at once, of each process", 1, 20,
		func(c *Config) *int { return &c.RelayConns }),
	number("relay_rate", "0", "messages a minute to one provider, of each process; 0: no limit", 0, 60000,
		func(c *Config) *int { return &c.RelayRate }),
	choice("relay_ip", "both", "IP versions of outgoing mail: both (IPv6 first), ipv4-first, ipv4 or ipv6",
		[]string{"both", "ipv4-first", "ipv4", "ipv6"}, func(c *Config) *string { return &c.RelayIP }),
	{"relay_sources", "", "addresses of this machine that outgoing mail comes from; empty: the system's choice",
		setRelaySources, func(c *Config) string { return joinAddrs(c.RelaySources) }},
	{"public_addresses", "", "addresses at which the internet reaches this server; empty: its own that are public, else those of hostname in the DNS",
		setPublicAddresses, func(c *Config) string { return joinAddrs(c.PublicAddresses) }},
	list("check_dnsbls", "zen.spamhaus.org,bl.spamcop.net,psbl.surriel.com", "block lists that check looks for our addresses in",
		func(c *Config) *[]string { return &c.CheckDNSBLs }),
	text("check_probe", "gmail.com", "domain whose MX check connects to, to see whether port 25 is open outward; empty: none",
		func(c *Config) *string { return &c.CheckProbe }),
	{"queue_lifetime", "5d", "how long undelivered mail is tried",
		func(c *Config, s string) (err error) { c.QueueLifetime, err = parseDuration(s); return err },
		func(c *Config) string { return formatDuration(c.QueueLifetime) }},
	boolean("auth_without_tls", "take passwords without TLS, from loopback peers only (tests, benches)",
		func(c *Config) *bool { return &c.AuthWithoutTLS }),
	boolean("lift_limits", "no per-address and sending limits for loopback peers (tests, benches)",
		func(c *Config) *bool { return &c.LiftLimits }),
	number("limits.connections", "2000", "connections in all, SMTP, IMAP and HTTP each", 1, 1000000,
		func(c *Config) *int { return &c.Limits.Connections }),
	number("limits.connections_per_address", "50", "connections per client address", 1, 1000000,
		func(c *Config) *int { return &c.Limits.ConnectionsPerAddress }),
	number("limits.recipients", "1000", "recipients per message", 1, 100000,
		func(c *Config) *int { return &c.Limits.Recipients }),
	choice("log_level", "info", "debug, info, warn or error", []string{"debug", "info", "warn", "error"},
		func(c *Config) *string { return &c.LogLevel }),
	choice("log_format", "auto", "text, json, or auto: text on a terminal, else json", []string{"auto", "text", "json"},
		func(c *Config) *string { return &c.LogFormat }),
}

func findKey(name string) (key, bool) {
	for _, k := range keys {
		if k.name == name {
			return k, true
		}
	}
	return key{}, false
}

func (k key) variable() string {
	return "POSTROOM_" + strings.ToUpper(strings.ReplaceAll(k.name, ".", "_"))
}

func text(name, def, about string, at func(*Config) *string) key {
	return key{name, def, about,
		func(c *Config, s string) error { *at(c) = s; return nil },
		func(c *Config) string { return *at(c) }}
}

func choice(name, def, about string, of []string, at func(*Config) *string) key {
	return key{name, def, about,
		func(c *Config, s string) error {
			for _, o := range of {
				if s == o {
					*at(c) = s
					return nil
				}
			}
			return errorf("it must be one of %s", strings.Join(of, ", "))
		},
		func(c *Config) string { return *at(c) }}
}

func list(name, def, about string, at func(*Config) *[]string) key {
	return key{name, def, about,
		func(c *Config, s string) error { *at(c) = splitList(s); return nil },
		func(c *Config) string { return strings.Join(*at(c), ",") }}
}

func networks(name, about string, at func(*Config) *[]netip.Prefix) key {
	return key{name, "", about,
		func(c *Config, s string) (err error) { *at(c), err = parseNetworks(s); return err },
		func(c *Config) string { return joinNetworks(*at(c)) }}
}

func number(name, def, about string, lo, hi int, at func(*Config) *int) key {
	return key{name, def, about,
		func(c *Config, s string) error {
			n, err := strconv.Atoi(s)
			if err != nil || n < lo || n > hi {
				return errorf("it must be a whole number from %d to %d", lo, hi)
			}
			*at(c) = n
			return nil
		},
		func(c *Config) string { return strconv.Itoa(*at(c)) }}
}

func boolean(name, about string, at func(*Config) *bool) key {
	return key{name, "false", about,
		func(c *Config, s string) error {
			v, err := strconv.ParseBool(s)
			if err != nil {
				return errorf("it must be true or false")
			}
			*at(c) = v
			return nil
		},
		func(c *Config) string { return strconv.FormatBool(*at(c)) }}
}

// redactURL hides the password of a database URL.
func redactURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "(unreadable)"
	}
	q := u.Query()
	if q.Has("password") {
		q.Set("password", "xxxxx")
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}

func formatDuration(d time.Duration) string {
	if d > 0 && d%(24*time.Hour) == 0 {
		return strconv.FormatInt(int64(d/(24*time.Hour)), 10) + "d"
	}
	return d.String()
}
