package webui

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/xml"
	"fmt"
	"net/http"
	"text/template"

	"github.com/smallstep/pkcs7"

	"postroom/internal/mail"
)

//go:embed mobileconfig.plist
var profileText string

var profileTemplate = template.Must(template.New("").Funcs(template.FuncMap{"xml": escapeXML}).Parse(profileText))

// profile fills the template of a configuration profile. The password is not
// in it: the device asks.
type profile struct {
	Address, Domain, Hostname string
	IMAP, SMTP                int // ports
	Identifier, AccountID     string
	ProfileUUID, AccountUUID  string
}

// mobileconfig serves the profile of ?address=, signed with the server's
// certificate, so that the device names who it comes from.
func (s *Server) mobileconfig(w http.ResponseWriter, r *http.Request) {
	a, err := s.clientAddress(r, r.URL.Query().Get("address"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	body, err := s.profile(a)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	if signed, err := sign(body, s.Certificate()); err == nil {
		body = signed
	} else { // devices take one without, and say so
		s.Log.WarnContext(r.Context(), "profile not signed", "proto", "http", "error", err)
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+a.Domain+`.mobileconfig"`)
	write(w, "application/x-apple-aspen-config", body)
}

func (s *Server) profile(a mail.Address) ([]byte, error) {
	p := profile{Address: a.String(), Domain: a.Domain, Hostname: s.Hostname}
	for _, x := range s.best() {
		if x.Protocol == "imap" {
			p.IMAP = x.Port
		} else {
			p.SMTP = x.Port
		}
	}
	if p.IMAP == 0 || p.SMTP == 0 {
		return nil, mail.Errorf(mail.CodeNotFound, "this server has no ports for mail programs")
	}
	// The same address on the same server is the same profile: a second one
	// replaces the first, and does not stand beside it.
	p.ProfileUUID, p.AccountUUID = s.uuid("profile", p.Address), s.uuid("account", p.Address)
	p.Identifier = "mail." + s.Hostname + "." + p.ProfileUUID
	p.AccountID = p.Identifier + ".account"
	var b bytes.Buffer
	err := profileTemplate.Execute(&b, p)
	return b.Bytes(), err
}

// uuid derives a UUID, version 8, from the server's and the account's name.
func (s *Server) uuid(kind, addr string) string {
	sum := sha256.Sum256([]byte("mobileconfig\x00" + kind + "\x00" + s.Hostname + "\x00" + addr))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func escapeXML(s string) (string, error) {
	var b bytes.Buffer
	err := xml.EscapeText(&b, []byte(s))
	return b.String(), err
}

// sign wraps octets in CMS signed data, with the chain.
func sign(octets []byte, cert *tls.Certificate) ([]byte, error) {
	data, err := pkcs7.NewSignedData(octets)
	if err != nil {
		return nil, err
	}
	data.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	chain, err := x509.ParseCertificates(bytes.Join(cert.Certificate, nil))
	if err != nil {
		return nil, err
	}
	if err := data.AddSignerChain(chain[0], cert.PrivateKey, chain[1:], pkcs7.SignerInfoConfig{}); err != nil {
		return nil, err
	}
	return data.Finish()
}
