package webui

import (
	"encoding/xml"
	"net/http"
	"time"

	"postroom/internal/mail"
)

// outlookNS is the schema of the answer in Autodiscover's "plain old XML"
// ([MS-OXDSCLI]).
const outlookNS = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"

// autodiscoverRequest is what Outlook asks; mobile devices ask the same for
// another schema.
type autodiscoverRequest struct {
	XMLName xml.Name `xml:"Autodiscover"`
	Address string   `xml:"Request>EMailAddress"`
	Schema  string   `xml:"Request>AcceptableResponseSchema"`
}

type autodiscoverAnswer struct {
	XMLName  xml.Name `xml:"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006 Autodiscover"`
	Response any
}

type outlookResponse struct {
	XMLName xml.Name       `xml:"http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a Response"`
	Name    string         `xml:"User>DisplayName"`
	Account outlookAccount `xml:"Account"`
}

type outlookAccount struct {
	Type      string            `xml:"AccountType"`
	Action    string            `xml:"Action"`
	Protocols []outlookProtocol `xml:"Protocol"`
}

// outlookProtocol: off and on are Outlook's words.
type outlookProtocol struct {
	Type           string
	Server         string
	Port           int
	LoginName      string
	DomainRequired string
	SPA            string // NTLM instead of a password
	SSL            string
	Encryption     string // SSL: from the start; TLS: STARTTLS
	AuthRequired   string
}

// autodiscoverError: 600 for what cannot be read, 601 for a schema that is not
// offered.
type autodiscoverError struct {
	XMLName xml.Name `xml:"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006 Response"`
	Error   struct {
		Time      string `xml:",attr"`
		ID        string `xml:"Id,attr"`
		ErrorCode int
		Message   string
		DebugData string
	}
}

func (s *Server) autodiscoverXML(w http.ResponseWriter, r *http.Request) {
	var q autodiscoverRequest
	if err := xml.NewDecoder(r.Body).Decode(&q); err != nil || q.Address == "" {
		s.autodiscoverFailed(w, r, 600, "Invalid Request")
		return
	}
	if q.Schema != "" && q.Schema != outlookNS {
		s.autodiscoverFailed(w, r, 601, "Provider is not available")
		return
	}
	a, err := s.clientAddress(r, q.Address)
	switch {
	case mail.Is(err, mail.CodeInvalid):
		s.autodiscoverFailed(w, r, 600, "Invalid Request")
	case err != nil:
		s.refuse(w, r, err)
	default:
		s.writeXML(w, r, autodiscoverAnswer{Response: s.outlookSettings(a.String())})
	}
}

func (s *Server) outlookSettings(login string) outlookResponse {
	out := outlookResponse{Name: login, Account: outlookAccount{Type: "email", Action: "settings"}}
	for _, x := range s.best() {
		p := outlookProtocol{Type: map[string]string{"imap": "IMAP", "smtp": "SMTP"}[x.Protocol], Server: s.Hostname, Port: x.Port,
			LoginName: login, DomainRequired: "off", SPA: "off", SSL: "on", Encryption: "TLS", AuthRequired: "on"}
		if x.Implicit {
			p.Encryption = "SSL"
		}
		out.Account.Protocols = append(out.Account.Protocols, p)
	}
	return out
}

// best gives the first service of each protocol, for clients that take one.
func (s *Server) best() []Service {
	var out []Service
	seen := map[string]bool{}
	for _, x := range s.Services {
		if !seen[x.Protocol] {
			out = append(out, x)
		}
		seen[x.Protocol] = true
	}
	return out
}

// autodiscoverFailed answers in the protocol's own form, which comes with 200.
func (s *Server) autodiscoverFailed(w http.ResponseWriter, r *http.Request, code int, text string) {
	var e autodiscoverError
	e.Error.Time, e.Error.ID = time.Now().UTC().Format("15:04:05.0000000"), "1"
	e.Error.ErrorCode, e.Error.Message = code, text
	s.writeXML(w, r, autodiscoverAnswer{Response: e})
}
