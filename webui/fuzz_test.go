package webui

import (
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Whatever is asked, the answer is XML that says one of two things: an error
// in the protocol's form, or the settings of an address in a domain served here.
func FuzzAutodiscoverXML(f *testing.F) {
	f.Add(outlookAsks("alice@example.org"))
	f.Add(outlookAsks("alice@elsewhere.test"))
	f.Add(outlookAsks("&lt;Server&gt;@example.org"))
	f.Add(outlookAsks(`"a b"@example.org`))
	f.Add(outlookAsks("<![CDATA[alice@example.org]]>"))
	f.Add(outlookAsks("a@example.org</EMailAddress><EMailAddress>b@example.org"))
	f.Add(strings.Replace(outlookAsks("alice@example.org"), "outlook/responseschema", "mobilesync/responseschema", 1))
	f.Add(`<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Autodiscover><Request><EMailAddress>&b;</EMailAddress></Request></Autodiscover>`)
	f.Add(`<?xml version="1.0" encoding="utf-16"?><Autodiscover/>`)
	f.Add(strings.Repeat("<Autodiscover>", 5000))
	f.Add("<Autodiscover><Request><EMailAddress>\x00\xff@example.org</EMailAddress></Request>")
	served := serve(f, func(c *Config) { c.Observe = func(string, int) {} })
	f.Fuzz(func(t *testing.T, body string) {
		r := served.ask("POST", "https://mail.example.org/autodiscover/autodiscover.xml", body)
		b, err := io.ReadAll(r.Body)
		if err != nil || len(b) > 8<<10 {
			t.Fatalf("%d octets, %v", len(b), err)
		}
		if r.StatusCode == http.StatusNotFound { // a domain that is not ours
			return
		}
		var got struct {
			XMLName xml.Name `xml:"Autodiscover"`
			Code    string   `xml:"Response>Error>ErrorCode"`
			Servers []string `xml:"Response>Account>Protocol>Server"`
			Logins  []string `xml:"Response>Account>Protocol>LoginName"`
		}
		if err := xml.Unmarshal(b, &got); r.StatusCode != http.StatusOK || err != nil {
			t.Fatalf("%d, %v: %s", r.StatusCode, err, b)
		}
		if failed := got.Code == "600" || got.Code == "601"; failed == (len(got.Servers) > 0) {
			t.Fatalf("neither an error nor settings: %s", b)
		}
		for i, login := range got.Logins {
			if _, ours := served.dir.domains[login[strings.LastIndexByte(login, '@')+1:]]; !ours || got.Servers[i] != "mail.example.org" {
				t.Fatalf("%s at %s", login, got.Servers[i])
			}
		}
	})
}
