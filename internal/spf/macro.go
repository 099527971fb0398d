package spf

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"postroom/internal/mail"
)

// expander holds what the macros of explanations and of the way to them stand
// for (RFC 7208 §7.2).
type expander struct {
	sender mail.Address
	domain string
	peer   netip.Addr
	helo   string
	host   string
	now    time.Time
}

var macro = regexp.MustCompile(`%(?:[-%_]|\{([a-zA-Z])([0-9]*)([rR]?)([-.+,/_=]*)\}|)`)

// expand replaces the macros of s; false is a syntax error. The letters c, r
// and t are known with exp only.
func (e expander) expand(s string, exp bool) (string, bool) {
	ok := true
	out := macro.ReplaceAllStringFunc(s, func(m string) string {
		switch m {
		case "%%":
			return "%"
		case "%_":
			return " "
		case "%-":
			return "%20"
		case "%":
			ok = false
			return ""
		}
		part := macro.FindStringSubmatch(m)
		value, known := e.letter(part[1], exp)
		keep, err := strconv.Atoi(part[2])
		if !known || part[2] != "" && (err != nil || keep < 1) {
			ok = false
			return ""
		}
		value = transform(value, keep, part[3] != "", part[4])
		if part[1] < "a" {
			value = urlEscape(value)
		}
		return value
	})
	return out, ok
}

// letter gives a macro's value. %{p} is "unknown", as it is where no name of
// the peer can be validated: RFC 7208 §7.3 asks nobody to publish it.
//
// Deviation: no look-up for %{p}; the library makes none either.
func (e expander) letter(l string, exp bool) (string, bool) {
	switch l := strings.ToLower(l); l {
	case "s":
		return e.sender.String(), true
	case "l":
		return e.sender.Local, true
	case "o":
		return e.sender.Domain, true
	case "d":
		return e.domain, true
	case "i":
		return dotted(e.peer), true
	case "p":
		return "unknown", true
	case "v":
		if e.peer.Is4() {
			return "in-addr", true
		}
		return "ip6", true
	case "h":
		return e.helo, true
	case "c":
		return e.peer.String(), exp
	case "r":
		if e.host == "" {
			return "unknown", exp
		}
		return e.host, exp
	case "t":
		return strconv.FormatInt(e.now.Unix(), 10), exp
	}
	return "", false
}

// transform splits, reverses and takes the last keep parts (0: all), joined
// with dots (RFC 7208 §7.3).
func transform(s string, keep int, reverse bool, delimiters string) string {
	if keep == 0 && !reverse && delimiters == "" {
		return s
	}
	if delimiters == "" {
		delimiters = "."
	}
	parts := strings.Split(strings.Map(func(r rune) rune {
		if strings.ContainsRune(delimiters, r) {
			return 0
		}
		return r
	}, s), "\x00")
	if reverse {
		slices.Reverse(parts)
	}
	if keep > 0 && keep < len(parts) {
		parts = parts[len(parts)-keep:]
	}
	return strings.Join(parts, ".")
}

// dotted is the form of an address for the macro i: nibbles with dots for IPv6.
func dotted(a netip.Addr) string {
	if a.Is4() {
		return a.String()
	}
	const hex = "0123456789abcdef"
	var out []byte
	for i, b := range a.As16() {
		if i > 0 {
			out = append(out, '.')
		}
		out = append(out, hex[b>>4], '.', hex[b&15])
	}
	return string(out)
}

// urlEscape escapes what is not unreserved in RFC 3986 §2.3.
func urlEscape(s string) string {
	const hex = "0123456789ABCDEF"
	var out []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			out = append(out, c)
			continue
		}
		out = append(out, '%', hex[c>>4], hex[c&15])
	}
	return string(out)
}
