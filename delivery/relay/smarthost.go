package relay

import "postroom/internal/mail"

// SmarthostOf gives a stored smarthost with its password opened.
func SmarthostOf(h mail.Smarthost, password string) *Smarthost {
	security := SecuritySTARTTLS
	switch h.TLS {
	case mail.SmarthostImplicitTLS:
		security = SecurityImplicit
	case mail.SmarthostPlain:
		security = SecurityNone
	}
	return &Smarthost{Host: h.Host, Port: h.Port, Security: security, Username: h.Username, Password: password}
}
