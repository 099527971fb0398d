package compose

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

// TestCompose is a company's first day: up, domain, people, mail; a restart; a
// new image with the volumes kept.
func TestCompose(t *testing.T) {
	p := newProject(t, "docker-compose.yml")
	p.run("", "up", "-d", "--build")
	p.untilHealthy()
	p.company()
	p.submit("bob@"+domain, letter(1))
	p.wantInbox(letter(1))
	p.peers()

	p.run("", "restart", "postroom")
	p.untilHealthy()
	p.wantInbox(letter(1))

	p.run("", "build", "--build-arg", "VERSION=second", "postroom")
	p.run("", "up", "-d", "--force-recreate")
	p.untilHealthy()
	if v := p.postroom("", "version"); !strings.Contains(v, "second") {
		t.Errorf("the container still runs %q", v)
	}
	p.submit("bob@"+domain, letter(2))
	p.wantInbox(letter(1), letter(2))
}

// peers: a client with an address of its own is logged under it and limited by
// it; who comes by the engine's proxy appears as the gateway, is not limited
// by address, and may relay as little as anybody.
func (p *project) peers() {
	p.t.Helper()
	own := ownAddress(p.t)
	_, port, _ := net.SplitHostPort(p.ports.SMTP)
	p.greet(net.JoinHostPort(own, port))
	p.wantLog(`"peer":"` + own + `"`)

	gateway := p.gateway()
	var open []*client.SMTP
	for range 60 { // more than limits.connections_per_address
		c, r, err := client.DialSMTP("127.0.0.1:"+port, nil)
		if err != nil || r.Code != 220 {
			p.t.Fatalf("connection %d by the gateway: %v %v", len(open)+1, r, err)
		}
		open = append(open, c)
	}
	c := open[0]
	for _, cmd := range []string{"EHLO client.test", "MAIL FROM:<x@outside.example>"} {
		if r, err := c.Cmd("%s", cmd); err != nil || r.Code != 250 {
			p.t.Fatal(cmd, r, err)
		}
	}
	if r, err := c.Cmd("RCPT TO:<y@elsewhere.example>"); err != nil || r.Code != 550 {
		p.t.Errorf("relaying for the gateway: %v %v", r, err)
	}
	for _, c := range open {
		c.Close()
	}
	p.wantLog(`"peer":"` + gateway + `"`)
	p.wantLog("has no per-address limits")
	if out := p.run("", "exec", "-T", "postroom", "sh", "-c", "postroom check --no-dns || true"); !strings.Contains(out, gateway) {
		p.t.Errorf("check does not tell of the gateway %s:\n%s", gateway, out)
	}
}

func (p *project) greet(addr string) {
	p.t.Helper()
	c, r, err := client.DialSMTP(addr, nil)
	if err != nil || r.Code != 220 {
		p.t.Fatalf("%s: %v %v", addr, r, err)
	}
	c.Close()
}

func (p *project) wantLog(text string) {
	p.t.Helper()
	err := testbed.Until(context.Background(), 10*time.Second, func() error {
		if !strings.Contains(p.logs(), text) {
			return fmt.Errorf("the log never says %s", text)
		}
		return nil
	})
	if err != nil {
		p.t.Errorf("%v:\n%s", err, tail(p.logs(), 15))
	}
}

// gateway is what the container takes for its way out.
func (p *project) gateway() string {
	p.t.Helper()
	for _, line := range strings.Split(p.run("", "exec", "-T", "postroom", "cat", "/proc/net/route"), "\n") {
		f := strings.Fields(line)
		if len(f) > 2 && f[1] == "00000000" {
			var b [4]byte
			fmt.Sscanf(f[2], "%02x%02x%02x%02x", &b[3], &b[2], &b[1], &b[0])
			return net.IP(b[:]).String()
		}
	}
	p.t.Fatal("the container has no gateway")
	return ""
}

// ownAddress is an IPv4 address of this machine that is not loopback: to the
// container a client like one from outside.
func ownAddress(t *testing.T) string {
	t.Helper()
	ifaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range ifaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 || strings.HasPrefix(i.Name, "docker") || strings.HasPrefix(i.Name, "br-") {
			continue
		}
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
				return n.IP.String()
			}
		}
	}
	t.Fatal("this machine has no IPv4 address but loopback")
	return ""
}

// TestHostNetworking: every client has its own address, over IPv4 and IPv6.
func TestHostNetworking(t *testing.T) {
	p := newProject(t, "deploy/docker-compose.host.yml")
	p.run("", "up", "-d") // builds the image unless TestCompose has
	p.untilHealthy()
	p.company()
	p.submit("bob@"+domain, letter(1))
	p.wantInbox(letter(1))
	_, port, _ := net.SplitHostPort(p.ports.SMTP)
	p.greet("127.0.0.1:" + port)
	p.wantLog(`"peer":"127.0.0.1"`)
	p.greet("[::1]:" + port)
	p.wantLog(`"peer":"::1"`)
}
