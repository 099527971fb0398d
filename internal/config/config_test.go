package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postroom/internal/mail"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "postroom.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWeight(t *testing.T) {
	path := write(t, `
hostname = "file.example"
max_message_size = "10MB"
queue_lifetime = "2d"
proxy_networks = ["10.1.2.3/8", "::1"]
[listen]
smtp = [":2525", "[::1]:25"]
imap = []
`)
	c, err := Load(Args{File: path, Environ: []string{"POSTROOM_HOSTNAME=env.example", "POSTROOM_MAX_MESSAGE_SIZE=11MB", "POSTROOM_LISTEN_IMAPS=:1993", "POSTROOM_TYPO=1"},
		Flags: map[string]string{"hostname": "flag.example"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Hostname != "flag.example" || c.MaxMessageSize != 11<<20 || c.QueueLifetime != 48*time.Hour ||
		strings.Join(c.Listen.SMTP, " ") != ":2525 [::1]:25" || len(c.Listen.IMAP) != 0 || c.Listen.IMAPS[0] != ":1993" ||
		c.Listen.Submission[0] != ":587" {
		t.Errorf("%+v", c)
	}
	if got := joinNetworks(c.ProxyNetworks); got != "10.0.0.0/8,::1/128" {
		t.Error(got)
	}
	for k, want := range map[string]string{"hostname": "flag", "max_message_size": "POSTROOM_MAX_MESSAGE_SIZE",
		"queue_lifetime": path + ":4", "listen.smtp": path + ":7", "log_level": "default"} {
		if c.Sources[k] != want {
			t.Errorf("%s from %q, want %q", k, c.Sources[k], want)
		}
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "POSTROOM_TYPO") {
		t.Error(c.Warnings)
	}
}

func TestRefusals(t *testing.T) {
	for name, tc := range map[string]struct{ text, want, hint string }{
		"unknown key":      {"hostname = \"a\"\n\nlog_levl = \"info\"\n", ":3: unknown key \"log_levl\"", "did you mean log_level?"},
		"unknown in table": {"[listen]\nsmpt = [\":25\"]\n", ":2: unknown key \"listen.smpt\"", "did you mean listen.smtp?"},
		"syntax":           {"hostname = \"a\"\nlog_level = \n", ":2:", "TOML"},
		"size":             {"max_message_size = \"much\"", "a size like 50MB", "largest message"},
		"choice":           {"log_level = \"loud\"", "one of debug", "log_level"},
		"port":             {"listen.smtp = [\"25\"]", "address:port", "MX"},
		"zone":             {"dnsbl = [\"https://bl.test\"]", "no zone of a DNS list", "refused"},
		"half a pair":      {"tls_cert = \"/x\"", "belong together", "set both"},
		"issuer":           {"oidc_issuer = \"http://login.test\"", "the issuer's URL", "issuer of bearer tokens"},
		"no audience":      {"oidc_issuer = \"https://login.test\"", "needs oidc_audience", "client id"},
		"role":             {"roles = [\"smtp\", \"pop\"]", "\"pop\" is none of", "roles"},
		"database":         {"database_url = \"mysql://u:secret@h/d\"", "postgres://", "PostgreSQL 15"},
	} {
		_, err := Load(Args{File: write(t, tc.text), Environ: []string{}})
		var e *mail.Error
		if !errors.As(err, &e) || !strings.Contains(e.Text, tc.want) || !strings.Contains(e.Hint, tc.hint) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.Contains(e.Text, "secret") {
			t.Errorf("%s shows a password: %s", name, e.Text)
		}
	}
}

func TestMissingFile(t *testing.T) {
	_, err := Load(Args{File: filepath.Join(t.TempDir(), "none.toml"), Environ: []string{}})
	if err == nil || !strings.Contains(err.Error(), "none.toml") {
		t.Fatal(err)
	}
}

func TestValuesHideSecrets(t *testing.T) {
	c, err := Load(Args{Environ: []string{"POSTROOM_DATABASE_URL=postgres://u:topsecret@db/x?password=topsecret"}})
	if err != nil {
		t.Fatal(err)
	}
	values := c.Values()
	if len(values) != len(keys) {
		t.Errorf("%d values of %d keys", len(values), len(keys))
	}
	for _, v := range values {
		if strings.Contains(v.Value, "topsecret") {
			t.Errorf("%s shows its secret: %s", v.Key, v.Value)
		}
		if v.About == "" || v.Source == "" {
			t.Errorf("%+v", v)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	c, err := Load(Args{Environ: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range c.Values() {
		k, _ := findKey(v.Key)
		if err := k.set(c, v.Value); err != nil {
			t.Errorf("%s does not take its own value %q: %v", v.Key, v.Value, err)
		}
	}
}

func TestACMENeedsWhatItNeeds(t *testing.T) {
	load := func(flags ...string) (*Config, error) {
		all := map[string]string{"acme": "on", "acme_email": "admin@example.org", "hostname": "mail.example.org"}
		for i := 0; i < len(flags); i += 2 {
			all[flags[i]] = flags[i+1]
		}
		return Load(Args{Flags: all, Environ: []string{}})
	}
	c, err := load("acme_names", "Mail.example.org. mta-sts.example.org", "acme_dns_server", "192.0.2.1", "acme_dns_key", "/key")
	if err != nil || !c.ACME.On() || c.ACME.Names[0] != "mail.example.org" || c.ACME.DNSServer != "192.0.2.1:53" {
		t.Errorf("%+v, %v", c.ACME, err)
	}
	for want, flags := range map[string][]string{
		"acme needs acme_email":           {"acme_email", ""},
		`issues a certificate for "box"`:  {"hostname", "box"},
		"no host name":                    {"acme_names", "*.example.org"},
		"acme_dns_key needs":              {"acme_dns_key", "/key"},
		"URL of an ACME directory":        {"acme_directory", "http://acme.example.org/dir"},
		"is not of the form address:port": {"listen.http", "80"},
	} {
		if _, err := load(flags...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", flags, err)
		}
	}
	if c, err := Load(Args{Flags: map[string]string{"hostname": "box"}, Environ: []string{}}); err != nil || c.ACME.On() {
		t.Errorf("the default: %v", err)
	}
}
