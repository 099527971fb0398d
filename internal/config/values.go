package config

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

func errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// allRoles are the roles a process can play.
var allRoles = []string{"smtp", "imap", "queue", "http"}

func setRoles(c *Config, s string) error {
	roles := splitList(s)
	if len(roles) == 0 {
		return errorf("it must name at least one of %s", strings.Join(allRoles, ", "))
	}
	for _, r := range roles {
		known := false
		for _, a := range allRoles {
			known = known || a == r
		}
		if !known {
			return errorf("%q is none of %s", r, strings.Join(allRoles, ", "))
		}
	}
	c.Roles = roles
	return nil
}

func parseNetworks(s string) (out []netip.Prefix, err error) {
	for _, f := range splitList(s) {
		p, err := netip.ParsePrefix(f)
		if err != nil {
			a, err2 := netip.ParseAddr(f)
			if err2 != nil {
				return nil, errorf("%q is neither a network (10.0.0.0/8) nor an address", f)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

func joinNetworks(ps []netip.Prefix) string {
	var s []string
	for _, p := range ps {
		s = append(s, p.String())
	}
	return strings.Join(s, ",")
}

func setRelaySources(c *Config, s string) (err error) {
	c.RelaySources, err = parseAddrs(s, "no address of this machine")
	return err
}

func setPublicAddresses(c *Config, s string) (err error) {
	c.PublicAddresses, err = parseAddrs(s, "no address")
	return err
}

func parseAddrs(s, otherwise string) (out []netip.Addr, err error) {
	for _, f := range splitList(s) {
		a, err := netip.ParseAddr(f)
		if err != nil || a.IsUnspecified() {
			return nil, errorf("%q is %s", f, otherwise)
		}
		out = append(out, a.Unmap())
	}
	return out, nil
}

// setZones reads names of DNS lists.
func setZones(to *[]string, s string) error {
	*to = nil
	for _, z := range splitList(s) {
		z = strings.ToLower(strings.TrimSuffix(z, "."))
		if strings.Trim(z, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" || !strings.Contains(z, ".") || strings.Contains(z, "..") {
			return errorf("%q is no zone of a DNS list, as bl.example.org", z)
		}
		*to = append(*to, z)
	}
	return nil
}

func joinAddrs(as []netip.Addr) string {
	var s []string
	for _, a := range as {
		s = append(s, a.String())
	}
	return strings.Join(s, ",")
}

func checkDatabaseURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return errorf("it must be of the form postgres://user:password@host:5432/database")
	}
	return nil
}

// checkIssuer: what the issuer says decides about log-ins, so it comes by TLS.
func checkIssuer(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return errorf("it must be the issuer's URL, as https://login.example.org")
	}
	return nil
}

// checkDirectory: what comes from there says whom clients trust, so it comes by
// TLS.
func checkDirectory(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return errorf("it must be the URL of an ACME directory, as https://acme.example.net/directory")
	}
	return nil
}

// withDNSPort adds the port that DNS servers have.
func withDNSPort(s string) string {
	if _, _, err := net.SplitHostPort(s); err == nil || s == "" {
		return s
	}
	return net.JoinHostPort(strings.Trim(s, "[]"), "53")
}

var sizeUnits = []struct {
	suffix string
	octets int64
}{{"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"B", 1}, {"", 1}}

// parseSize reads "50MB"; units are powers of 1024.
func parseSize(s string) (int64, error) {
	up := strings.ToUpper(strings.TrimSpace(s))
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(up, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n <= 0 || n > math.MaxInt64/u.octets {
			break
		}
		return n * u.octets, nil
	}
	return 0, errorf("it must be a size like 50MB")
}

func formatSize(n int64) string {
	for _, u := range sizeUnits[:3] {
		if n >= u.octets && n%u.octets == 0 {
			return strconv.FormatInt(n/u.octets, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10)
}

// parseDuration reads Go's durations and whole days ("5d").
func parseDuration(s string) (time.Duration, error) {
	var d time.Duration
	var err error
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int64
		n, err = strconv.ParseInt(days, 10, 32)
		d = time.Duration(n) * 24 * time.Hour
	} else {
		d, err = time.ParseDuration(s)
	}
	if err != nil || d <= 0 {
		return 0, errorf("it must be a time like 90s, 4h or 5d")
	}
	return d, nil
}

// checkAddress checks host:port of a listener.
func checkAddress(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return errorf("%q is not of the form address:port", s)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return errorf("%q is not a port", port)
	}
	if host != "" && host != "localhost" && net.ParseIP(strings.Split(host, "%")[0]) == nil {
		return errorf("%q is not an address of this machine", host)
	}
	return nil
}
