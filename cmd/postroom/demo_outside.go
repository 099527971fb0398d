package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/miekg/dns"
)

const (
	outsideDomain = "outside.example"
	outsideMX     = "mx.outside.example"
)

// outside is the rest of the world as the demo's server sees it: a DNS server
// that knows one domain, and that domain's mail server.
type outside struct {
	dnsAddr  string // host:port
	sinkPort string
	dns      *dns.Server
	sink     *smtp.Server

	mu       sync.Mutex
	received [][]byte
	arrived  chan struct{} // a token per message
}

func startOutside() (*outside, error) {
	o := &outside{arrived: make(chan struct{}, 16)}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		packets.Close()
		return nil, err
	}
	o.dnsAddr = packets.LocalAddr().String()
	_, o.sinkPort, _ = net.SplitHostPort(l.Addr().String())
	o.dns = &dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(answerDemo)}
	o.sink = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return sinkSession{o}, nil }))
	o.sink.Domain = outsideMX
	o.sink.ReadTimeout, o.sink.WriteTimeout = time.Minute, time.Minute
	go o.dns.ActivateAndServe()
	go o.sink.Serve(l)
	return o, nil
}

func (o *outside) close() {
	o.dns.Shutdown()
	o.sink.Close()
}

// answerDemo knows the MX of outside.example and its address; every other name
// does not exist.
func answerDemo(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(q)
	question := q.Question[0]
	header := dns.RR_Header{Name: question.Name, Rrtype: question.Qtype, Class: dns.ClassINET, Ttl: 60}
	switch name := dns.CanonicalName(question.Name); {
	case name == outsideDomain+"." && question.Qtype == dns.TypeMX:
		m.Answer = append(m.Answer, &dns.MX{Hdr: header, Preference: 10, Mx: outsideMX + "."})
	case name == outsideMX+"." && question.Qtype == dns.TypeA:
		m.Answer = append(m.Answer, &dns.A{Hdr: header, A: net.IPv4(127, 0, 0, 1)})
	case name != outsideDomain+"." && name != outsideMX+".":
		m.Rcode = dns.RcodeNameError
	}
	w.WriteMsg(m)
}

// sinkSession takes every message.
type sinkSession struct{ o *outside }

func (sinkSession) Reset()                               {}
func (sinkSession) Logout() error                        { return nil }
func (sinkSession) Mail(string, *smtp.MailOptions) error { return nil }
func (sinkSession) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (s sinkSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(io.LimitReader(r, 64<<20))
	if err != nil {
		return err
	}
	s.o.mu.Lock()
	s.o.received = append(s.o.received, raw)
	s.o.mu.Unlock()
	select {
	case s.o.arrived <- struct{}{}:
	default:
	}
	return nil
}

// wait gives the first received message that contains mark.
func (o *outside) wait(ctx context.Context, mark string) ([]byte, error) {
	for {
		o.mu.Lock()
		for _, m := range o.received {
			if bytes.Contains(m, []byte(mark)) {
				o.mu.Unlock()
				return m, nil
			}
		}
		o.mu.Unlock()
		select {
		case <-o.arrived:
		case <-ctx.Done():
			return nil, errors.New("the message did not arrive outside in time")
		}
	}
}
