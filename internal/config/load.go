package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/BurntSushi/toml"

	"postroom/internal/mail"
)

func environment(env []string) map[string]string {
	vars := map[string]string{}
	for _, e := range env {
		if name, value, ok := strings.Cut(e, "="); ok && strings.HasPrefix(name, "POSTROOM_") {
			vars[name] = value
		}
	}
	return vars
}

func filePath(flag string, vars map[string]string) string {
	if flag != "" {
		return flag
	}
	if v := vars["POSTROOM_CONFIG"]; v != "" {
		return v
	}
	if _, err := os.Stat(DefaultFile); err == nil {
		return DefaultFile
	}
	return ""
}

func (c *Config) readFile(path string) error {
	if path == "" {
		return nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		e := mail.Errorf(mail.CodeInvalid, "the configuration file cannot be read: %v", errors.Unwrap(err))
		e.Text = fmt.Sprintf("%s: %s", path, e.Text)
		e.Hint = "name another with --config, or make this one readable"
		return e
	}
	var tree map[string]any
	if _, err := toml.Decode(string(raw), &tree); err != nil {
		return syntaxError(path, err)
	}
	found := map[string]any{}
	flatten("", tree, found)
	names := make([]string, 0, len(found))
	for n := range found {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, name := range names {
		where := fmt.Sprintf("%s:%d", path, lineOf(string(raw), name))
		k, ok := findKey(name)
		if !ok {
			return unknownKey(where, name)
		}
		value, err := scalar(found[name])
		if err == nil {
			err = k.set(c, value)
		}
		if err != nil {
			return valueError(k, where, value, err)
		}
		c.Sources[name] = where
	}
	return nil
}

func syntaxError(path string, err error) error {
	e := mail.Errorf(mail.CodeInvalid, "%s: %v", path, err)
	var p toml.ParseError
	if errors.As(err, &p) {
		e.Text = fmt.Sprintf("%s:%d: %s", path, p.Position.Line, p.Message)
	}
	e.Hint = `the file is TOML: name = "value", lists as ["a", "b"]`
	return e
}

// flatten gives nested tables their dotted names.
func flatten(prefix string, tree map[string]any, out map[string]any) {
	for name, v := range tree {
		if t, ok := v.(map[string]any); ok {
			flatten(prefix+name+".", t, out)
			continue
		}
		out[prefix+name] = v
	}
}

// scalar gives a TOML value in the form that variables and flags have.
func scalar(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool, int64:
		return fmt.Sprint(v), nil
	case []any:
		var parts []string
		for _, e := range v {
			s, err := scalar(e)
			if err != nil {
				return "", err
			}
			parts = append(parts, s)
		}
		return strings.Join(parts, ","), nil
	}
	return fmt.Sprint(v), errorf("it must be a string, a number, true, false or a list of strings")
}

// lineOf finds the line that sets a dotted name: the decoder tells positions of
// syntax errors only.
func lineOf(text, name string) int {
	table := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if t, ok := strings.CutPrefix(line, "["); ok {
			table = strings.TrimSpace(strings.Trim(t, "[] \t")) + "."
			continue
		}
		left, _, ok := strings.Cut(line, "=")
		left = strings.Trim(strings.TrimSpace(left), `"'`)
		if ok && (table+left == name || strings.HasPrefix(name, table+left+".")) {
			return i + 1
		}
	}
	return 1
}

func (c *Config) readEnviron(vars map[string]string) error {
	known := map[string]bool{"POSTROOM_CONFIG": true, "POSTROOM_MASTER_KEY": true}
	for _, k := range keys {
		known[k.variable()] = true
		value, ok := vars[k.variable()]
		if !ok {
			continue
		}
		if err := k.set(c, value); err != nil {
			return valueError(k, k.variable(), value, err)
		}
		c.Sources[k.name] = k.variable()
	}
	// A cluster may put variables of its own beside ours (a service named
	// postroom gives POSTROOM_PORT), so an unknown one warns only.
	for name := range vars {
		if !known[name] && !strings.HasPrefix(name, "POSTROOM_TEST_") {
			c.Warnings = append(c.Warnings, "the variable "+name+" names no configuration key")
		}
	}
	sort.Strings(c.Warnings)
	return nil
}

func (c *Config) readFlags(flags map[string]string) error {
	for name, value := range flags {
		where := "--" + strings.ReplaceAll(name, "_", "-")
		k, ok := findKey(name)
		if !ok {
			return unknownKey(where, name)
		}
		if err := k.set(c, value); err != nil {
			return valueError(k, where, value, err)
		}
		c.Sources[name] = "flag"
	}
	return nil
}

// finish fills what depends on other keys and checks them together.
func (c *Config) finish() error {
	if c.Hostname == "" {
		c.Hostname = systemName()
		c.Sources["hostname"] = "system"
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil || c.DataDir == "" {
		return valueError(mustKey("data_dir"), c.Sources["data_dir"], c.DataDir, errorf("it must name a directory"))
	}
	c.DataDir = dir
	if c.MasterKeyFile == "" {
		c.MasterKeyFile = filepath.Join(dir, "master.key")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		e := mail.Errorf(mail.CodeInvalid, "tls_cert and tls_key belong together, and only one of them is set")
		e.Hint = "set both, or none for a self-signed certificate"
		return e
	}
	if c.OIDCIssuer != "" && (c.OIDCAudience == "" || c.OIDCClaim == "") {
		e := mail.Errorf(mail.CodeInvalid, "oidc_issuer needs oidc_audience and oidc_claim")
		e.Hint = "set oidc_audience to the client id that the issuer gave to mail programs: a token for another service must not open a mailbox"
		return e
	}
	for name, addrs := range map[string][]string{"listen.smtp": c.Listen.SMTP, "listen.submissions": c.Listen.Submissions,
		"listen.submission": c.Listen.Submission, "listen.imap": c.Listen.IMAP, "listen.imaps": c.Listen.IMAPS,
		"listen.http": c.Listen.HTTP, "listen.https": c.Listen.HTTPS, "listen.metrics": c.Listen.Metrics} {
		for _, a := range addrs {
			if err := checkAddress(a); err != nil {
				return valueError(mustKey(name), c.Sources[name], a, err)
			}
		}
	}
	for i, a := range c.Listen.Metrics {
		if strings.HasPrefix(a, ":") {
			c.Listen.Metrics[i] = "127.0.0.1" + a
		}
	}
	for i, s := range c.DNSServers {
		c.DNSServers[i] = withDNSPort(s)
	}
	return c.checkACME()
}

func (c *Config) checkACME() error {
	var text, hint string
	switch a := c.ACME; {
	case !a.On():
		return nil
	case a.Email == "":
		text, hint = "acme needs acme_email", "set acme_email to an address by which the authority can reach you"
	case len(a.Names) == 0 && !strings.Contains(c.Hostname, "."):
		text, hint = fmt.Sprintf("no authority issues a certificate for %q", c.Hostname), "set hostname to the name that your MX record points to"
	case slices.ContainsFunc(a.Names, func(n string) bool { return strings.ContainsAny(n, "*@:/ ") || !strings.Contains(n, ".") }):
		text, hint = "acme_names holds something that is no host name", "give full names without wildcards: mail.example.org"
	case a.DNSKey != "" && a.DNSServer == "":
		text, hint = "acme_dns_key needs acme_dns_server", "set acme_dns_server to the primary DNS server of the zone"
	default:
		for i, n := range c.ACME.Names {
			c.ACME.Names[i] = strings.ToLower(strings.TrimSuffix(n, "."))
		}
		return nil
	}
	e := mail.Errorf(mail.CodeInvalid, "%s", text)
	e.Hint = hint
	return e
}

func mustKey(name string) key {
	k, _ := findKey(name)
	return k
}

func systemName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	return strings.ToLower(name)
}
