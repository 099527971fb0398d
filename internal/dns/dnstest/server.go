// Package dnstest is an in-process authoritative DNS server for tests, with
// settable records and failures; it takes dynamic updates.
package dnstest

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	mdns "github.com/miekg/dns"
)

// Failure is a way for a name to go wrong.
type Failure int

// The failures.
const (
	None     Failure = iota
	ServFail         // answers SERVFAIL
	Refused          // answers REFUSED
	Silent           // does not answer
	Truncate         // answers TC over UDP: the client must use TCP
	NoEDNS           // answers FORMERR to a question with EDNS
	Wrong            // answers another question
)

// Server answers on one port, UDP and TCP.
type Server struct {
	addr     string
	udp, tcp *mdns.Server

	mu       sync.Mutex
	records  map[string][]mdns.RR
	failures map[string]Failure
	asked    map[string]int
	removed  int // by updates
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := Start("127.0.0.1:0")
	if err != nil {
		t.Fatalf("dnstest: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// Start listens on addr ("127.0.0.1:0": any free port).
func Start(addr string) (*Server, error) {
	s := &Server{records: map[string][]mdns.RR{}, failures: map[string]Failure{}, asked: map[string]int{}}
	var err error
	for range 20 { // the same port must be free for both
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err != nil {
			return nil, err
		}
		var p net.PacketConn
		if p, err = net.ListenPacket("udp", l.Addr().String()); err != nil {
			l.Close()
			continue
		}
		s.addr = l.Addr().String()
		keys := map[string]string{UpdateKey: UpdateSecret}
		s.tcp = &mdns.Server{Listener: l, Handler: mdns.HandlerFunc(s.answer), TsigSecret: keys, MsgAcceptFunc: acceptUpdates}
		s.udp = &mdns.Server{PacketConn: p, Handler: mdns.HandlerFunc(s.answer), TsigSecret: keys, MsgAcceptFunc: acceptUpdates}
		var ready sync.WaitGroup
		for _, srv := range []*mdns.Server{s.tcp, s.udp} {
			ready.Add(1)
			srv.NotifyStartedFunc = ready.Done
			go func() { _ = srv.ActivateAndServe() }()
		}
		ready.Wait()
		return s, nil
	}
	return nil, err
}

// Addr gives host:port.
func (s *Server) Addr() string { return s.addr }

// Close stops it.
func (s *Server) Close() {
	_ = s.udp.Shutdown()
	_ = s.tcp.Shutdown()
}

// Add takes records in zone file form: "example.test. 60 IN MX 10 mx.example.test.".
// A line that is no record panics: it is a mistake in the test.
func (s *Server) Add(lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range lines {
		rr, err := mdns.NewRR(line)
		if err != nil || rr == nil {
			panic(fmt.Sprintf("dnstest: %q: %v", line, err))
		}
		name := strings.ToLower(rr.Header().Name)
		s.records[name] = append(s.records[name], rr)
	}
}

// Remove drops all records of name.
func (s *Server) Remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.records, strings.ToLower(mdns.Fqdn(name)))
}

// Fail makes every question for name go wrong; "." means every name.
func (s *Server) Fail(name string, f Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures[strings.ToLower(mdns.Fqdn(name))] = f
}

// Asked counts the questions for name, of any type.
func (s *Server) Asked(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[strings.ToLower(mdns.Fqdn(name))]
}

func (s *Server) answer(w mdns.ResponseWriter, q *mdns.Msg) {
	if q.Opcode == mdns.OpcodeUpdate {
		s.update(w, q)
		return
	}
	m := new(mdns.Msg)
	m.SetReply(q)
	if len(q.Question) != 1 {
		m.Rcode = mdns.RcodeFormatError
		_ = w.WriteMsg(m)
		return
	}
	name := strings.ToLower(q.Question[0].Name)
	s.mu.Lock()
	s.asked[name]++
	failure := s.failures[name]
	if failure == None {
		failure = s.failures["."]
	}
	s.fill(m, name, q.Question[0].Qtype)
	s.mu.Unlock()
	_, overUDP := w.RemoteAddr().(*net.UDPAddr)
	switch failure {
	case Silent:
		return
	case ServFail:
		m.Rcode, m.Answer = mdns.RcodeServerFailure, nil
	case Refused:
		m.Rcode, m.Answer = mdns.RcodeRefused, nil
	case Truncate:
		if overUDP {
			m.Truncated, m.Answer = true, nil
		}
	case NoEDNS:
		if q.IsEdns0() != nil {
			m.Rcode, m.Answer = mdns.RcodeFormatError, nil
		}
	case Wrong:
		m.Question[0].Name = "other.test."
	}
	_ = w.WriteMsg(m)
}

// fill answers from the records, following CNAMEs; NXDOMAIN when the name and
// all below it are unknown.
func (s *Server) fill(m *mdns.Msg, name string, qtype uint16) {
	for range 10 {
		var next string
		hit := false
		for _, rr := range s.records[name] {
			if rr.Header().Rrtype == qtype {
				m.Answer = append(m.Answer, rr)
				hit = true
			} else if c, ok := rr.(*mdns.CNAME); ok {
				m.Answer = append(m.Answer, rr)
				next = strings.ToLower(c.Target)
			}
		}
		if hit {
			return
		}
		if next == "" {
			break
		}
		name = next
	}
	if !s.known(name) {
		m.Rcode = mdns.RcodeNameError
	}
	soa, _ := mdns.NewRR("test. 30 IN SOA ns.test. hostmaster.test. 1 60 60 60 30")
	m.Ns = append(m.Ns, soa)
}

func (s *Server) known(name string) bool {
	for n := range s.records {
		if n == name || strings.HasSuffix(n, "."+name) {
			return true
		}
	}
	return false
}
