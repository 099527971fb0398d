package webui

import (
	"encoding/xml"
	"net/http"

	"postroom/internal/address"
)

// clientConfig is the document of Thunderbird's autoconfig, version 1.1, which
// many other programs read.
type clientConfig struct {
	XMLName  xml.Name      `xml:"clientConfig"`
	Version  string        `xml:"version,attr"`
	Provider emailProvider `xml:"emailProvider"`
}

type emailProvider struct {
	ID        string             `xml:"id,attr"`
	Domain    string             `xml:"domain"`
	Name      string             `xml:"displayName"`
	ShortName string             `xml:"displayShortName"`
	Incoming  []autoconfigServer `xml:"incomingServer"`
	Outgoing  []autoconfigServer `xml:"outgoingServer"`
}

type autoconfigServer struct {
	Type           string   `xml:"type,attr"`
	Hostname       string   `xml:"hostname"`
	Port           int      `xml:"port"`
	SocketType     string   `xml:"socketType"`
	Authentication []string `xml:"authentication"` // the first that the program knows
	Username       string   `xml:"username"`
}

// autoconfig answers for the domain of ?emailaddress=, or without it for the
// one of the host.
func (s *Server) autoconfig(w http.ResponseWriter, r *http.Request) {
	domain, err := s.autoconfigDomain(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	shown := address.DisplayDomain(domain)
	doc := clientConfig{Version: "1.1", Provider: emailProvider{ID: domain, Domain: domain, Name: shown, ShortName: shown}}
	for _, x := range s.Services {
		if x.Protocol == "imap" {
			doc.Provider.Incoming = append(doc.Provider.Incoming, s.autoconfigServer(x))
		} else {
			doc.Provider.Outgoing = append(doc.Provider.Outgoing, s.autoconfigServer(x))
		}
	}
	s.writeXML(w, r, doc)
}

func (s *Server) autoconfigDomain(r *http.Request) (string, error) {
	text := r.URL.Query().Get("emailaddress")
	if text == "" {
		return s.domainOfHost(r)
	}
	a, err := s.clientAddress(r, text)
	return a.Domain, err
}

func (s *Server) autoconfigServer(x Service) autoconfigServer {
	out := autoconfigServer{Type: x.Protocol, Hostname: s.Hostname, Port: x.Port, SocketType: "STARTTLS",
		Authentication: []string{"password-cleartext"}, Username: "%EMAILADDRESS%"}
	if x.Implicit {
		out.SocketType = "SSL"
	}
	if s.OAuth2 {
		out.Authentication = append(out.Authentication, "OAuth2")
	}
	return out
}

// writeXML sends a document with its declaration.
func (s *Server) writeXML(w http.ResponseWriter, r *http.Request, doc any) {
	body, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	write(w, "text/xml; charset=utf-8", append([]byte(xml.Header), append(body, '\n')...))
}
