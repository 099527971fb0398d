package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// probe is an IMAP connection that reads answers without looking at them, so
// that what is timed is the server.
type probe struct {
	conn net.Conn
	buf  []byte
	tag  int
}

// answer is what a command was answered with.
type answer struct {
	took   time.Duration
	octets int
	lines  int
	first  string // what of it came first, at most 64 KiB
	status string // the tagged line without its tag
}

func dialProbe(addr string, cfg *tls.Config) (*probe, error) {
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	if cfg != nil {
		conn = tls.Client(conn, cfg)
	}
	p := &probe{conn: conn, buf: make([]byte, 256<<10)}
	if _, err := p.until("*"); err != nil {
		conn.Close()
		return nil, err
	}
	return p, nil
}

func (p *probe) close() { p.conn.Close() }

// do sends a command, reads to its tagged line, and fails unless that says OK.
func (p *probe) do(format string, args ...any) (answer, error) {
	return p.send([]byte(fmt.Sprintf(format, args...)))
}

func (p *probe) send(command []byte) (answer, error) {
	p.tag++
	tag := fmt.Sprintf("p%d", p.tag)
	began := time.Now()
	if _, err := p.conn.Write(append(append([]byte(tag+" "), command...), "\r\n"...)); err != nil {
		return answer{}, err
	}
	a, err := p.until(tag)
	a.took = time.Since(began)
	if err == nil && !strings.HasPrefix(a.status, "OK") {
		err = errors.New(a.status)
	}
	if err != nil {
		err = fmt.Errorf("%.60q: %w", command, err)
	}
	return a, err
}

// until reads until the last line that came is a whole one with tag.
func (p *probe) until(tag string) (a answer, err error) {
	var tail []byte
	p.conn.SetReadDeadline(time.Now().Add(5 * time.Minute))
	for {
		n, err := p.conn.Read(p.buf)
		if err != nil {
			return a, fmt.Errorf("after %.200q: %w", a.first, err)
		}
		got := p.buf[:n]
		a.octets += n
		a.lines += bytes.Count(got, []byte{'\n'})
		if len(a.first) < 64<<10 {
			a.first += string(got[:min(n, 64<<10-len(a.first))])
		}
		tail = append(tail, got[max(0, n-1024):]...)
		tail = tail[max(0, len(tail)-1024):]
		if status, ok := lastLine(tail, tag); ok {
			a.status = status
			return a, nil
		}
	}
}

func lastLine(tail []byte, tag string) (string, bool) {
	line, whole := bytes.CutSuffix(tail, []byte("\r\n"))
	if !whole {
		return "", false
	}
	line = line[bytes.LastIndexByte(line, '\n')+1:]
	rest, ok := bytes.CutPrefix(line, []byte(tag+" "))
	return string(rest), ok
}
