package relay

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
)

// tlsFailure marks the errors after which plain text may be tried.
type tlsFailure struct{ err error }

func (t *tlsFailure) Error() string { return t.err.Error() }
func (t *tlsFailure) Unwrap() error { return t.err }

func isTLSFailure(f *Failure) bool {
	var t *tlsFailure
	return errors.As(f.Err, &t)
}

// greet takes the session from the connect to the point where MAIL may come.
func (s *Session) greet(ctx context.Context, policy Policy) *Failure {
	if sh := s.plan.Smarthost; sh != nil && sh.Security == SecurityImplicit {
		if f := s.handshake(ctx, policy); f != nil {
			return f
		}
	}
	r, err := s.peer.read(s.c.cfg.Timeouts.Greeting)
	if err != nil {
		return s.failure("4.4.2", lost("greeting", err), err)
	}
	if r.Code != 220 {
		return s.refused(r, "greeting")
	}
	if f := s.ehlo(); f != nil {
		return f
	}
	if f := s.secure(ctx, policy); f != nil {
		return f
	}
	return s.authenticate()
}

// ehlo introduces us; a server that knows no EHLO gets HELO (RFC 5321 §3.2).
func (s *Session) ehlo() *Failure {
	t := s.c.cfg.Timeouts.Command
	s.caps = map[string]string{}
	r, err := s.peer.command(t, "EHLO "+s.c.cfg.Hostname)
	if err == nil && r.Code >= 500 && r.Code != 521 {
		r, err = s.peer.command(t, "HELO "+s.c.cfg.Hostname)
		r.Lines = r.Lines[:min(1, len(r.Lines))]
	}
	if err != nil {
		return s.failure("4.4.2", lost("EHLO", err), err)
	}
	if !r.positive() {
		return s.refused(r, "EHLO")
	}
	name, _, _ := strings.Cut(r.Lines[0], " ")
	if s.plan.Smarthost == nil && strings.EqualFold(name, s.c.cfg.Hostname) {
		return loopFailure()
	}
	for _, line := range r.Lines[1:] {
		key, params, _ := strings.Cut(line, " ")
		s.caps[strings.ToUpper(key)] = strings.TrimSpace(params)
	}
	return nil
}

func (s *Session) offers(keyword string) bool {
	_, ok := s.caps[keyword]
	return ok
}

// secure does STARTTLS as the policy wants it, and a new EHLO (RFC 3207 §4.2).
func (s *Session) secure(ctx context.Context, policy Policy) *Failure {
	if s.tls || policy.Mode == TLSNever {
		return nil
	}
	must := policy.Mode == TLSMust
	if !s.offers("STARTTLS") {
		if must {
			return s.failure("4.7.4", "the server offers no TLS, which is required", errors.New("no STARTTLS"))
		}
		return nil
	}
	r, err := s.peer.command(s.c.cfg.Timeouts.Command, "STARTTLS")
	if err != nil {
		return s.failure("4.4.2", lost("STARTTLS", err), &tlsFailure{err})
	}
	if r.Code != 220 {
		if must || r.Code == 421 {
			return s.refused(r, "STARTTLS")
		}
		return nil
	}
	if f := s.handshake(ctx, policy); f != nil {
		return f
	}
	f := s.ehlo()
	if f != nil && f.Reply.Code == 0 && !f.Permanent { // TLS 1.3 tells of a broken handshake only now
		f.Err = &tlsFailure{f.Err}
	}
	return f
}

func (s *Session) handshake(ctx context.Context, policy Policy) *Failure {
	err := s.peer.startTLS(ctx, policy.tlsConfig(s.host.Name), s.c.cfg.Timeouts.TLS)
	if err != nil {
		return s.failure("4.7.5", "the TLS handshake failed", &tlsFailure{err})
	}
	s.tls = true
	return nil
}

// authenticate logs in to a smarthost; only under TLS, whatever it offers.
func (s *Session) authenticate() *Failure {
	sh := s.plan.Smarthost
	if sh == nil || sh.Username == "" {
		return nil
	}
	if !s.tls {
		return s.failure("4.7.0", "the smarthost wants a password, which goes out under TLS only", errors.New("AUTH without TLS"))
	}
	mechs := strings.Fields(strings.ToUpper(s.caps["AUTH"]))
	enc := base64.StdEncoding.EncodeToString
	has := func(m string) bool {
		for _, have := range mechs {
			if have == m {
				return true
			}
		}
		return false
	}
	var lines []string
	switch {
	case has("PLAIN"):
		lines = []string{"AUTH PLAIN " + enc([]byte("\x00"+sh.Username+"\x00"+sh.Password))}
	case has("LOGIN"):
		lines = []string{"AUTH LOGIN", enc([]byte(sh.Username)), enc([]byte(sh.Password))}
	default:
		return s.failure("4.7.0", "the smarthost offers no log-in that is known here", errors.New("no AUTH PLAIN or LOGIN"))
	}
	for i, line := range lines {
		r, err := s.peer.command(s.c.cfg.Timeouts.Command, line)
		if err != nil {
			return s.failure("4.4.2", lost("AUTH", err), err)
		}
		if i < len(lines)-1 && r.Code == 334 || r.Code == 235 {
			continue
		}
		// A wrong password is ours to mend: the mail waits for it.
		f := s.failure("4.7.8", "the smarthost refused the log-in: "+r.Text(), errors.New("AUTH refused"))
		f.Reply.Code = r.Code
		return f
	}
	s.authenticated = true
	return nil
}
