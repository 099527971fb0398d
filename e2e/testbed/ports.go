package testbed

import (
	"errors"
	"net"
)

// FreePort gives an address with a TCP port on host that nothing listens on.
func FreePort(host string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// CommonPort gives a TCP port that is free on every host.
func CommonPort(hosts ...string) (int, error) {
	for range 50 {
		addr, err := FreePort(hosts[0])
		if err != nil {
			return 0, err
		}
		a, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			return 0, err
		}
		if freeOn(hosts[1:], a.Port) {
			return a.Port, nil
		}
	}
	return 0, errors.New("no port is free on all of them")
}

func freeOn(hosts []string, port int) bool {
	for _, h := range hosts {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(h), Port: port})
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}
