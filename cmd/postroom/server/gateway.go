package server

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"strings"

	"postroom/internal/config"
)

// Gateways gives the default gateways when this process runs in a container
// with a network of its own. Container engines show clients as the gateway
// wherever they carry a connection by a proxy of theirs (IPv6 to an IPv4
// network, or from the host itself), so this address can be anybody.
// Listeners on loopback are out of its reach.
func Gateways(cfg *config.Config) []netip.Addr {
	if !inContainer() || !reachable(cfg) {
		return nil
	}
	var out []netip.Addr
	for _, read := range []func() []netip.Addr{gateways4, gateways6} {
		out = append(out, read()...)
	}
	return out
}

// reachable tells whether anybody but this machine can connect.
func reachable(cfg *config.Config) bool {
	for _, d := range doors(cfg) {
		for _, a := range d.addrs {
			host, _, err := net.SplitHostPort(a)
			if ip := net.ParseIP(host); err == nil && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
				return true
			}
		}
	}
	return false
}

func inContainer() bool {
	for _, f := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(f); err == nil {
			return true
		}
	}
	return false
}

func lines(path string) [][]string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var out [][]string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		out = append(out, strings.Fields(sc.Text()))
	}
	return out
}

// gateways4 reads /proc/net/route: interface, destination, gateway …, numbers
// in hexadecimal of the host's byte order.
func gateways4() []netip.Addr {
	var out []netip.Addr
	for _, f := range lines("/proc/net/route") {
		if len(f) < 3 || f[1] != "00000000" {
			continue
		}
		raw, err := hex.DecodeString(f[2])
		if err != nil || len(raw) != 4 {
			continue
		}
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], binary.BigEndian.Uint32(raw))
		if a := netip.AddrFrom4(b); a.IsValid() && !a.IsUnspecified() {
			out = append(out, a)
		}
	}
	return out
}

// gateways6 reads /proc/net/ipv6_route: destination, its length, source, its
// length, next hop …
func gateways6() []netip.Addr {
	var out []netip.Addr
	for _, f := range lines("/proc/net/ipv6_route") {
		if len(f) < 5 || f[1] != "00" || strings.Trim(f[0], "0") != "" {
			continue
		}
		raw, err := hex.DecodeString(f[4])
		if err != nil || len(raw) != 16 {
			continue
		}
		if a := netip.AddrFrom16([16]byte(raw)); !a.IsUnspecified() {
			out = append(out, a)
		}
	}
	return out
}
