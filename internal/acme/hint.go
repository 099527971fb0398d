package acme

import (
	"errors"
	"net"
	"strings"

	"github.com/mholt/acmez/v3/acme"
)

// hints say what to look at for each kind of problem that an authority names.
var hints = map[string]string{
	acme.ProblemTypeDNS:          "the name must have an A or AAAA record that leads to this server",
	acme.ProblemTypeConnection:   "the authority must reach this server: port 80 for HTTP-01, 443 for TLS-ALPN-01",
	acme.ProblemTypeUnauthorized: "something else answers on port 80 or 443 of that name, or the DNS shows an older record: does the name lead to this server?",
	acme.ProblemTypeCAA:          "a CAA record forbids this authority: add one that allows it",
	acme.ProblemTypeRateLimited:  "the authority's limit is reached: wait, and see to what failed before",
}

// Hint says what an administrator can do about a failed attempt.
func Hint(err error) string {
	var p acme.Problem
	if errors.As(err, &p) {
		if h := hints[p.Type]; h != "" {
			return h
		}
		return "see docs/certificates.md, and the authority's words"
	}
	return hintOf(err)
}

func hintOf(err error) string {
	var e net.Error
	var u *updateError
	switch {
	case errors.As(err, &u):
		return "does acme_dns_server take updates of that zone with the key of acme_dns_key?"
	case errors.As(err, &e), strings.Contains(err.Error(), "x509:"):
		return "the directory of the authority must be reachable from here (acme_directory, acme_ca)"
	}
	return "see docs/certificates.md"
}
