package sessions

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"crypto/tls"

	"postroom/e2e/testbed"
)

// header is a PROXY header, version 1 or 2, that claims a client.
func header(version int, ip string, port int) string {
	if version == 1 {
		return fmt.Sprintf("PROXY TCP4 %s 192.0.2.1 %d 25\r\n", ip, port)
	}
	b := []byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c")
	b = append(b, net.ParseIP(ip).To4()...)
	b = append(b, 192, 0, 2, 1)
	b = binary.BigEndian.AppendUint16(b, uint16(port))
	return string(binary.BigEndian.AppendUint16(b, 25))
}

// dialFrom connects from a local address, sends first, and shakes hands when
// secure.
func dialFrom(t *testing.T, from, addr, first string, secure *tls.Config) (net.Conn, *bufio.Reader, error) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write([]byte(first)); err != nil {
		return nil, nil, err
	}
	if secure != nil {
		s := tls.Client(c, secure)
		if err := s.Handshake(); err != nil {
			return nil, nil, err
		}
		c = s
	}
	r := bufio.NewReader(c)
	_, err = r.ReadString('\n')
	return c, r, err
}

func proxyProtocol(t *testing.T, i *testbed.Instance) {
	cfg, err := i.TLS()
	if err != nil {
		t.Fatal(err)
	}
	port := 1000
	for _, p := range []struct {
		name, addr string
		secure     *tls.Config
		say        string // something that the log tells of
	}{
		{"25", i.Ports.SMTP, nil, "QUIT\r\n"},
		{"587", i.Ports.Submission, nil, "QUIT\r\n"},
		{"465", i.Ports.Submissions, cfg, "QUIT\r\n"},
		{"143", i.Ports.IMAP, nil, ""}, // no log-in without TLS: that it greets must do
		{"993", i.Ports.IMAPS, cfg, "a LOGIN nobody@example.test wrong\r\n"},
	} {
		for version := 1; version <= 2; version++ {
			port++
			c, r, err := dialFrom(t, proxy, p.addr, header(version, "198.51.100.7", port), p.secure)
			if err != nil {
				t.Errorf("%s: version %d: %v", p.name, version, err)
				continue
			}
			if p.say != "" {
				fmt.Fprint(c, p.say)
				r.ReadString('\n')
				want := fmt.Sprintf(`"peer":"198.51.100.7","port":%d,`, port)
				if err := testbed.Until(t.Context(), 10*time.Second, func() error { return logged(i, want) }); err != nil {
					t.Errorf("%s: version %d: %v", p.name, version, err)
				}
			}
			c.Close()
			// From anybody else the header is nothing but wrong octets.
			if c, _, err := dialFrom(t, "127.0.0.1", p.addr, header(version, "203.0.113.9", port), p.secure); err == nil {
				c.Close()
			}
		}
		if _, _, err := dialFrom(t, proxy, p.addr, "EHLO x\r\nNOOP\r\n", nil); err == nil {
			t.Errorf("%s: the proxy was served without a header", p.name)
		}
	}
	if logged(i, "203.0.113.9") == nil {
		t.Error("a header from elsewhere was believed")
	}
}

func logged(i *testbed.Instance, what string) error {
	log, err := os.ReadFile(i.Log)
	if err == nil && !strings.Contains(string(log), what) {
		err = fmt.Errorf("the log does not have %s", what)
	}
	return err
}

// failedLogins fits the documented filter to lines as the server writes them.
func failedLogins(t *testing.T, i *testbed.Instance) {
	doc, err := os.ReadFile("../../docs/authentication.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^failregex = (.*)$`).FindStringSubmatch(string(doc))
	if m == nil {
		t.Fatal("docs/authentication.md has no failregex")
	}
	filter := regexp.MustCompile(strings.ReplaceAll(m[1], "<HOST>", `(?P<host>[0-9a-f.:]+)`))
	cfg, err := i.TLS()
	if err != nil {
		t.Fatal(err)
	}
	sasl := base64.StdEncoding.EncodeToString([]byte("\x00" + alice + "\x00a wrong one 1"))
	for n, try := range []struct{ addr, say string }{
		{i.Ports.IMAPS, "a LOGIN " + alice + " {13+}\r\na wrong one 1\r\n"},
		{i.Ports.IMAPS, "a AUTHENTICATE PLAIN " + sasl + "\r\n"},
		{i.Ports.Submissions, "EHLO x\r\nAUTH PLAIN " + sasl + "\r\n"},
	} {
		ip := fmt.Sprintf("198.51.100.%d", 100+n)
		c, _, err := dialFrom(t, proxy, try.addr, header(1, ip, 4000), cfg)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, try.say)
		err = testbed.Until(t.Context(), 10*time.Second, func() error {
			log, err := os.ReadFile(i.Log)
			if err != nil {
				return err
			}
			for _, line := range strings.Split(string(log), "\n") {
				if m := filter.FindStringSubmatch(line); m != nil && m[1] == ip {
					return nil
				}
			}
			return fmt.Errorf("no line of a failed log-in from %s", ip)
		})
		if err != nil {
			t.Error(err)
		}
		c.Close()
	}
}
