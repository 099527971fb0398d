package authres

import (
	"slices"
	"testing"
)

func TestValues(t *testing.T) {
	for value, want := range map[string][]string{
		"mx.example; spf=pass smtp.mailfrom=x; dmarc=pass header.from=x":           {"pass"},
		"mx.example; dmarc=fail (p=reject); DMARC/1 = Pass":                        {"fail", "pass"},
		"mx.example;\r\n\tdmarc=\r\n pass":                                         {"pass"},
		"dmarc=pass; spf=pass":                                                     nil, // where the authserv-id stands
		`mx.example; spf=fail smtp.mailfrom="; dmarc=pass "@evil.example`:          nil,
		`mx.example; spf=fail reason="a\"; dmarc=pass"`:                            nil,
		"mx.example; spf=fail (evil; dmarc=pass)":                                  nil,
		`mx.example; dmarc="pass"`:                                                 {"?"},
		"mx.example; dmarc=fail (pass) x=pass":                                     {"fail"},
		"mx.example; dmarc=pass (no end":                                           nil,
		`mx.example; dmarc=pass; reason="no end`:                                   nil,
		`mx.example; spf=fail smtp.mailfrom=a\"; dmarc=pass`:                       nil,
		"mx.example; xdmarc=pass; dmarc.x=pass; policy.dmarc=pass; arc=dmarc=pass": nil,
		"": nil,
	} {
		if got := Values(value, "dmarc"); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
}
