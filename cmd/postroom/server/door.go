package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"postroom/internal/config"
	"postroom/internal/mail"
)

// door is one of the ports, with its listeners.
type door struct {
	key      string // configuration key, as "listen.smtp"
	role     string // "" : of every process
	implicit bool   // TLS from the first octet
	addrs    []string
	sockets  []net.Listener
}

// doors lists those that cfg's roles open.
func doors(cfg *config.Config) []*door {
	all := []*door{
		{key: "listen.smtp", role: "smtp", addrs: cfg.Listen.SMTP},
		{key: "listen.submissions", role: "smtp", addrs: cfg.Listen.Submissions, implicit: true},
		{key: "listen.submission", role: "smtp", addrs: cfg.Listen.Submission},
		{key: "listen.imap", role: "imap", addrs: cfg.Listen.IMAP},
		{key: "listen.imaps", role: "imap", addrs: cfg.Listen.IMAPS, implicit: true},
		{key: "listen.http", role: "http", addrs: cfg.Listen.HTTP},
		{key: "listen.https", role: "http", addrs: cfg.Listen.HTTPS, implicit: true},
		{key: "listen.metrics", addrs: cfg.Listen.Metrics},
	}
	var out []*door
	for _, d := range all {
		if (d.role == "" || cfg.HasRole(d.role)) && len(d.addrs) > 0 {
			out = append(out, d)
		}
	}
	return out
}

// bind opens every socket, before anything else is started: a port in use is
// told at once. Nothing is accepted yet; early clients wait in the backlog.
func bind(ctx context.Context, ds []*door) error {
	var lc net.ListenConfig
	for _, d := range ds {
		for _, a := range d.addrs {
			l, err := lc.Listen(ctx, "tcp", a)
			if err != nil {
				closeSockets(ds)
				return bindError(d.key, a, err)
			}
			d.sockets = append(d.sockets, l)
		}
	}
	return nil
}

// mailDoors are those of SMTP and IMAP.
func mailDoors(ds []*door) []*door {
	return slices.DeleteFunc(slices.Clone(ds), func(d *door) bool { return d.role != "smtp" && d.role != "imap" })
}

func closeSockets(ds []*door) {
	for _, d := range ds {
		for _, l := range d.sockets {
			l.Close()
		}
	}
}

func bindError(key, addr string, err error) error {
	_, port, _ := net.SplitHostPort(addr)
	e := mail.Wrap(mail.CodeUnavailable, err, fmt.Sprintf("cannot listen on %s (%s)", addr, key))
	e.Hint = "set " + key + " to an address of this machine"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		e = mail.Errorf(mail.CodeInUse, "port %s (%s) is in use by another program", port, key)
		e.Hint = fmt.Sprintf("find it with: ss -ltnp 'sport = :%s'; stop it, or set %s to another address (%s=…)", port, key,
			"POSTROOM_"+strings.ToUpper(strings.ReplaceAll(key, ".", "_")))
	case errors.Is(err, syscall.EACCES):
		e = mail.Errorf(mail.CodeNoPermission, "no right to listen on port %s (%s)", port, key)
		e.Hint = "ports below 1024 need root or CAP_NET_BIND_SERVICE (deploy/postroom.service gives it), or set " + key + " to a higher port"
	}
	return e
}

// gatewayPeer tells the container's gateway, behind which everybody may stand.
func gatewayPeer(gateways []netip.Addr) func(netip.Addr) bool {
	return func(a netip.Addr) bool { return slices.Contains(gateways, a.Unmap()) }
}

// exempt tells which clients have no limits of their own: the gateway, and
// loopback when lift_limits is set.
func exempt(cfg *config.Config, gateways []netip.Addr) func(netip.Addr) bool {
	gateway := gatewayPeer(gateways)
	return func(a netip.Addr) bool { return gateway(a) || cfg.LiftLimits && a.Unmap().IsLoopback() }
}

// Addresses lists where each key's listeners stand, with the ports that the
// system chose for ":0".
func (s *Server) Addresses() map[string][]string {
	out := map[string][]string{}
	for _, d := range s.doors {
		for _, l := range d.sockets {
			out[strings.TrimPrefix(d.key, "listen.")] = append(out[strings.TrimPrefix(d.key, "listen.")], l.Addr().String())
		}
	}
	return out
}
