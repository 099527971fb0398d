package listen

import (
	"net/netip"
	"sync"
)

// Gate counts the connections of one protocol, over all of its listeners, in
// all and per client network. It is safe for concurrent use.
type Gate struct {
	max, perClient int
	exempt         func(netip.Addr) bool

	mu      sync.Mutex
	total   int
	clients map[netip.Prefix]int
}

// NewGate makes a Gate; 0 is no limit. Clients for which exempt (may be nil)
// is true are counted in all, but not on their own.
func NewGate(max, perClient int, exempt func(netip.Addr) bool) *Gate {
	if exempt == nil {
		exempt = func(netip.Addr) bool { return false }
	}
	return &Gate{max: max, perClient: perClient, exempt: exempt, clients: map[netip.Prefix]int{}}
}

// enter counts a socket in all; false when there is no room.
func (g *Gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.max > 0 && g.total >= g.max {
		return false
	}
	g.total++
	return true
}

// enterClient counts a client whose address is known; false when it has its
// share already. Each true is paired with a leave of the same address.
func (g *Gate) enterClient(a netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := ClientNetwork(a)
	if g.perClient > 0 && g.clients[p] >= g.perClient && !g.exempt(a) {
		return false
	}
	g.clients[p]++
	return true
}

func (g *Gate) leave() {
	g.mu.Lock()
	g.total--
	g.mu.Unlock()
}

func (g *Gate) leaveClient(a netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := ClientNetwork(a)
	if g.clients[p]--; g.clients[p] <= 0 {
		delete(g.clients, p)
	}
}

// Open tells how many connections stand.
func (g *Gate) Open() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.total
}

// ClientNetwork is one IPv4 address, or one IPv6 /64: the least a customer has.
func ClientNetwork(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}
