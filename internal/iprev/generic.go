package iprev

import (
	"encoding/hex"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// access are labels of the names that access networks give to all their
// addresses.
var access = regexp.MustCompile(`(^|[-.0-9])(dyn|dynamic|dhcp|dial(up|in)?|dsl|adsl|vdsl|cable|ppp|pppoe|pool|broadband|client|customer)([-.0-9]|$)`)

// Generic tells a name that was made from the address, or that is one of an
// access network: many servers take no mail from such. name is lower case.
func Generic(name string, addr netip.Addr) bool {
	if access.MatchString(name) {
		return true
	}
	raw := addr.Unmap().AsSlice()
	if strings.Contains(strings.NewReplacer("-", "", ".", "").Replace(name), hex.EncodeToString(raw)) {
		return true
	}
	return addr.Unmap().Is4() && octets(name, raw)
}

var number = regexp.MustCompile(`[0-9]+`)

// octets finds the four octets of an IPv4 address in a name, in any order.
func octets(name string, raw []byte) bool {
	left := map[string]int{}
	for _, b := range raw {
		left[strconv.Itoa(int(b))]++
	}
	found := 0
	for _, n := range number.FindAllString(name, -1) {
		if n = strings.TrimLeft(n[:len(n)-1], "0") + n[len(n)-1:]; left[n] > 0 {
			left[n]--
			found++
		}
	}
	return found == len(raw)
}
