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
	Roles         []string // smtp, imap, queue
	Listen        Listen
	TLSCert       string // PEM files; "" : self-signed
	TLSKey        string
	ClientCA      string // PEM file; "" : client certificates are not asked for

	Scram        string // off, app-passwords, all: with which passwords it works
	OIDCIssuer   string // "" : no bearer tokens
	OIDCAudience string
	OIDCClaim    string

	ProxyNetworks []netip.Prefix // peers whose PROXY protocol header is believed
	Postmaster    string         // gets postmaster@ and abuse@ where no account has them

	MaxMessageSize int64 // octets
	QuotaPolicy    string
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
}

// Limits bound what peers may take.
type Limits struct {
	Connections           int // SMTP and IMAP each
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
