package admin

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// Smarthost is a next hop as it is shown: never its password.
type Smarthost struct {
	Domain      string    `json:"domain"` // U-labels; "" for all others
	Host        string    `json:"host"`
	Port        int       `json:"port"`
	TLS         string    `json:"tls"`
	Username    string    `json:"username,omitempty"`
	HasPassword bool      `json:"has_password"`
	UpdatedAt   time.Time `json:"updated_at,omitzero"`
}

func showSmarthost(h mail.Smarthost) Smarthost {
	return Smarthost{Domain: address.DisplayDomain(h.Domain), Host: h.Host, Port: h.Port, TLS: h.TLS,
		Username: h.Username, HasPassword: h.Sealed != nil, UpdatedAt: h.UpdatedAt}
}

// SmarthostArgs is what SetSmarthost takes.
type SmarthostArgs struct {
	Domain   string // recipient domain; "" for all others
	Host     string // name or IP address
	Port     int    // 0: 465, 587 or 25, as TLS tells
	TLS      string // "implicit", "starttls" (also for "") or "none"
	Username string
	Password string
}

// SetSmarthost adds or replaces a smarthost.
func (a *Admin) SetSmarthost(ctx context.Context, args SmarthostArgs) (Smarthost, error) {
	h, err := smarthost(args)
	if err != nil {
		return Smarthost{}, err
	}
	var fingerprint []byte
	if args.Password != "" {
		key, err := a.key()
		if err != nil {
			return Smarthost{}, err
		}
		h.Sealed, fingerprint = key.Seal("smarthosts", h.Domain, []byte(args.Password)), key.Fingerprint()
	}
	if err := a.Store.SetSmarthost(ctx, a.Actor, h, fingerprint); err != nil {
		return Smarthost{}, err
	}
	h.UpdatedAt = a.Now()
	return showSmarthost(h), nil
}

var smarthostPorts = map[string]int{mail.SmarthostImplicitTLS: 465, mail.SmarthostSTARTTLS: 587, mail.SmarthostPlain: 25}

func smarthost(args SmarthostArgs) (h mail.Smarthost, err error) {
	h = mail.Smarthost{Port: args.Port, TLS: args.TLS, Username: args.Username}
	if args.Domain != "" {
		if h.Domain, err = domainName(args.Domain); err != nil {
			return h, err
		}
	}
	if h.Host, err = hostName(args.Host); err != nil {
		return h, err
	}
	if h.TLS == "" {
		h.TLS = mail.SmarthostSTARTTLS
	}
	standard, ok := smarthostPorts[h.TLS]
	if !ok {
		return h, mail.Errorf(mail.CodeInvalid, "the TLS of a smarthost is implicit, starttls or none")
	}
	if h.Port == 0 {
		h.Port = standard
	}
	switch {
	case h.Port < 1 || h.Port > 65535:
		return h, mail.Errorf(mail.CodeInvalid, "a port is between 1 and 65535")
	case (args.Username == "") != (args.Password == ""):
		return h, mail.Errorf(mail.CodeInvalid, "a smarthost has both a user name and a password, or neither")
	case len(args.Username) > 255 || len(args.Password) > 1024 || strings.ContainsAny(args.Username+args.Password, "\x00\r\n"):
		return h, mail.Errorf(mail.CodeInvalid, "that user name or password cannot be sent")
	case h.TLS == mail.SmarthostPlain && args.Password != "" && !loopback(h.Host):
		return h, &mail.Error{Code: mail.CodeInvalid, Text: "a password is not sent without TLS",
			Hint: "use --tls starttls or implicit; none is for a host on this machine"}
	}
	return h, nil
}

func hostName(s string) (string, error) {
	if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return ip.String(), nil
	}
	return domainName(s)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Smarthosts lists all, the one for all domains first.
func (a *Admin) Smarthosts(ctx context.Context) ([]Smarthost, error) {
	all, err := a.Store.Smarthosts(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Smarthost, len(all))
	for i, h := range all {
		out[i] = showSmarthost(h)
	}
	return out, nil
}

// DeleteSmarthost takes the smarthost of a domain, or ("") of all others, away:
// mail goes by MX again.
func (a *Admin) DeleteSmarthost(ctx context.Context, domain string) error {
	if domain != "" {
		d, err := domainName(domain)
		if err != nil {
			return err
		}
		domain = d
	}
	return a.Store.DeleteSmarthost(ctx, a.Actor, domain)
}
