// Package config is the configuration of one postroom process: a TOML file,
// environment variables over it, flags over both. Domains, accounts and policy
// are not here: they live in the database and change without a restart.
package config

import (
	"net/netip"
	"os"
	"time"
)

// Config is the effective configuration. Load fills and checks it.
type Config struct {
	Hostname      string   // how this server calls itself in SMTP, IMAP and Received
	DataDir       string   // certificates, master key, spool, private PostgreSQL
	DatabaseURL   string   // "" : a private PostgreSQL in DataDir
	MasterKeyFile string   // "" : DataDir/master.key
	Roles         []string // smtp, imap, queue, http
	Listen        Listen
	TLSCert       string // PEM files; "" : ACME's, or self-signed
	TLSKey        string
	ACME          ACME
	ClientCA      string // PEM file; "" : client certificates are not asked for

	Scram        string // off, app-passwords, all: with which passwords it works
	OIDCIssuer   string // "" : no bearer tokens
	OIDCAudience string
	OIDCClaim    string

	ProxyNetworks []netip.Prefix // peers whose PROXY protocol header is believed
	HTTPProxies   []netip.Prefix // peers whose X-Forwarded-Proto and -Host are believed
	IMAPWithout   []string       // capabilities not offered: NAME or NAME:client
	// IMAPMessageLimit is how many messages one command works on; 0: any number.
	IMAPMessageLimit int

	SearchTextHelper string // program that reads text of PDF and office files; "": none
	Postmaster       string // gets postmaster@ and abuse@ where no account has them

	MaxMessageSize int64 // octets
	QuotaPolicy    string
	Checks         string   // of mail from outside: "on" or "off"
	OwnDomains     string   // mail that claims them without proof: "refuse", "junk" or "accept"
	TrustedSealers []string // ARC, by domain
	Greylist       string   // "on" or "off"
	DNSBL          []string // zones of lists of peers that are refused
	DNSWL          []string // zones of lists of peers that are believed
	DNSServers     []string // host:port; empty: /etc/resolv.conf
	RelayPort      int      // port of other domains' servers
	RelayIP        string   // both, ipv4-first, ipv4, ipv6
	RelaySources   []netip.Addr
	RelayRate      int // messages a minute to one provider; 0: no limit
	RelayConns     int // at once to one destination
	QueueLifetime  time.Duration

	PublicAddresses []netip.Addr // at which the internet reaches this server; empty: not told
	CheckDNSBLs     []string     // zones that check looks for our addresses in
	CheckProbe      string       // domain whose MX check connects to; "": none

	AuthWithoutTLS bool // for loopback peers only
	LiftLimits     bool // per-address limits, for loopback peers only
	Limits         Limits

	LogLevel  string // debug, info, warn, error
	LogFormat string // auto, text, json

	// Sources says where each key's value came from, by key.
	Sources map[string]string
	// Warnings are findings that do not stop a start, for the log.
	Warnings []string
}

// Listen holds the addresses of each port's listener; empty lists are off.
type Listen struct {
	SMTP, Submissions, Submission, IMAP, IMAPS []string
	HTTP, HTTPS                                []string
	Metrics                                    []string // finish puts loopback where no address stands
}

// ACME says how certificates are got from an authority.
type ACME struct {
	Mode      string // off, on
	Email     string
	Directory string   // URL
	CA        string   // PEM file; "" : the system's authorities
	Names     []string // A-labels; empty: hostname and what leads here
	DNSServer string   // host:port; "" : no DNS-01
	DNSKey    string   // file of its TSIG key
}

// On tells whether certificates are got by ACME.
func (a ACME) On() bool { return a.Mode == "on" }

// Limits bound what peers may take.
type Limits struct {
	Connections           int // SMTP, IMAP and HTTP each
	ConnectionsPerAddress int
	Recipients            int // per message
}

// Args says what Load reads.
type Args struct {
	File    string            // --config; "" : POSTROOM_CONFIG, else DefaultFile when it exists
	Flags   map[string]string // key: value, from the command line
	Environ []string          // nil: os.Environ()
}

// DefaultFile is read when no other file is named.
const DefaultFile = "/etc/postroom/postroom.toml"

// Load reads file, environment and flags, in growing weight, and checks every
// value. Its error names file and line (or variable, or flag) and has a hint.
func Load(args Args) (*Config, error) {
	env := args.Environ
	if env == nil {
		env = os.Environ()
	}
	vars := environment(env)
	c := &Config{Sources: map[string]string{}}
	for _, k := range keys {
		if err := k.set(c, k.def); err != nil {
			return nil, valueError(k, "default", k.def, err)
		}
		c.Sources[k.name] = "default"
	}
	if err := c.readFile(filePath(args.File, vars)); err != nil {
		return nil, err
	}
	if err := c.readEnviron(vars); err != nil {
		return nil, err
	}
	if err := c.readFlags(args.Flags); err != nil {
		return nil, err
	}
	return c, c.finish()
}

// HasRole tells whether this process plays a role.
func (c *Config) HasRole(role string) bool {
	for _, r := range c.Roles {
		if r == role {
			return true
		}
	}
	return false
}

// Value is one key as Values lists it.
type Value struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source string `json:"source"`
	About  string `json:"about"`
}

// Values lists every key with its effective value (secrets redacted), its
// source and a line about it.
func (c *Config) Values() []Value {
	var out []Value
	for _, k := range keys {
		out = append(out, Value{k.name, k.get(c), c.Sources[k.name], k.about})
	}
	return out
}
