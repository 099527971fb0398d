package mail

import "testing"

func TestWithNamesTheProtocol(t *testing.T) {
	for want, s := range map[string]Session{
		"SMTP":     {},
		"ESMTP":    {ESMTP: true},
		"ESMTPS":   {ESMTP: true, TLSVersion: "TLS 1.3"},
		"ESMTPA":   {ESMTP: true, Account: 7},
		"ESMTPSA":  {ESMTP: true, TLSVersion: "TLS 1.3", Account: 7},
		"UTF8SMTP": {ESMTP: true},
	} {
		if got := s.With(want == "UTF8SMTP"); got != want {
			t.Errorf("%+v: %s, want %s", s, got, want)
		}
	}
	if s := (Session{ESMTP: true, TLSVersion: "TLS 1.2", Account: 1}); s.With(true) != "UTF8SMTPSA" {
		t.Error(s.With(true))
	}
}
