package testbed

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// given are the ports that this process was given: each once.
var (
	givenMu sync.Mutex
	given   = map[int]bool{}
)

// FreePort gives an address with a TCP port on host that nothing listens on.
// It is below the range that the kernel gives to outgoing connections, so that
// none of them takes it before the server that it is for.
func FreePort(host string) (string, error) {
	givenMu.Lock()
	defer givenMu.Unlock()
	for range 1000 {
		port := 20000 + rand.IntN(12768)
		if given[port] || !freeOn([]string{host}, port) {
			continue
		}
		given[port] = true
		return net.JoinHostPort(host, strconv.Itoa(port)), nil
	}
	return "", errors.New("no port is free on " + host)
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
