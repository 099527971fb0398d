package webui

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func outlookAsks(address string) string {
	return `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">
  <Request><EMailAddress>` + address + `</EMailAddress>
    <AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>
  </Request>
</Autodiscover>`
}

// thunderbird reads what Thunderbird takes from the document.
type thunderbird struct {
	Version  string   `xml:"version,attr"`
	Domain   string   `xml:"emailProvider>domain"`
	Incoming []server `xml:"emailProvider>incomingServer"`
	Outgoing []server `xml:"emailProvider>outgoingServer"`
}

type server struct {
	Type string   `xml:"type,attr"`
	Host string   `xml:"hostname"`
	Port int      `xml:"port"`
	Sock string   `xml:"socketType"`
	User string   `xml:"username"`
	Auth []string `xml:"authentication"`
}

func TestAutoconfig(t *testing.T) {
	f := serve(t, nil)
	for _, u := range []string{"https://autoconfig.example.org/mail/config-v1.1.xml?emailaddress=alice%40example.org",
		"http://autoconfig.example.org/mail/config-v1.1.xml", "https://Example.org./.well-known/autoconfig/mail/config-v1.1.xml",
		"https://mail.example.org/mail/config-v1.1.xml?emailaddress=alice@example.org"} {
		r := f.ask("GET", u, "")
		var got thunderbird
		if err := xml.Unmarshal([]byte(text(t, r, http.StatusOK)), &got); err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/xml") {
			t.Fatal(err, r.Header)
		}
		want := "{1.1 example.org [{imap mail.example.org 993 SSL %EMAILADDRESS% [password-cleartext]} {imap mail.example.org 143 STARTTLS %EMAILADDRESS% [password-cleartext]}]" +
			" [{smtp mail.example.org 465 SSL %EMAILADDRESS% [password-cleartext]} {smtp mail.example.org 587 STARTTLS %EMAILADDRESS% [password-cleartext]}]}"
		if s := fmt.Sprint(got); s != want {
			t.Errorf("%s gives\n%s, want\n%s", u, s, want)
		}
	}
	var got thunderbird
	f = serve(t, func(c *Config) { c.OAuth2 = true; c.Services = c.Services[:1] })
	if err := xml.Unmarshal([]byte(text(t, f.ask("GET", "https://autoconfig.bücher.example/mail/config-v1.1.xml?emailaddress=a@bücher.example", ""), 200)), &got); err != nil ||
		got.Domain != "xn--bcher-kva.example" || len(got.Outgoing) != 0 || strings.Join(got.Incoming[0].Auth, ",") != "password-cleartext,OAuth2" {
		t.Errorf("%v, %+v", err, got)
	}
}

// outlook reads what Outlook takes from the answer.
type outlook struct {
	XMLName  xml.Name `xml:"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006 Autodiscover"`
	Response struct {
		XMLName xml.Name
		Account struct {
			AccountType, Action string
			Protocol            []struct {
				Type, Server                          string
				Port                                  int
				LoginName, SSL, Encryption, SPA, Auth string
			}
		}
		Error struct{ ErrorCode int }
	}
}

func TestAutodiscoverXML(t *testing.T) {
	f := serve(t, nil)
	ask := func(path, body string) (out outlook) {
		t.Helper()
		if err := xml.Unmarshal([]byte(text(t, f.ask("POST", "https://autodiscover.example.org"+path, body), http.StatusOK)), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, path := range []string{"/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.XML"} {
		got := ask(path, outlookAsks("Alice@example.org"))
		if got.Response.XMLName.Space != outlookNS || got.Response.Account.Action != "settings" || got.Response.Account.AccountType != "email" {
			t.Errorf("%+v", got)
		}
		if s := fmt.Sprint(got.Response.Account.Protocol); s != "[{IMAP mail.example.org 993 Alice@example.org on SSL off } {SMTP mail.example.org 465 Alice@example.org on SSL off }]" {
			t.Error(s)
		}
	}
	for body, code := range map[string]int{"": 600, "<x/>": 600, "<Autodiscover><Request/></Autodiscover>": 600, outlookAsks("alice"): 600,
		strings.Replace(outlookAsks("alice@example.org"), "outlook/responseschema/2006a", "mobilesync/responseschema/2006", 1): 601,
		strings.Replace(outlookAsks("alice@example.org"), "<Request>", "<!--"+strings.Repeat("x", maxBody)+"--><Request>", 1):  600} {
		if got := ask("/autodiscover/autodiscover.xml", body); got.Response.Error.ErrorCode != code || len(got.Response.Account.Protocol) != 0 {
			t.Errorf("%.200s gives %+v", body, got)
		}
	}
	f = serve(t, func(c *Config) { c.Services = []Service{{"imap", 143, false}} })
	if p := ask("/autodiscover/autodiscover.xml", outlookAsks("alice@example.org")).Response.Account.Protocol; len(p) != 1 || p[0].Encryption != "TLS" {
		t.Errorf("STARTTLS only: %+v", p)
	}
}

func TestAutodiscoverJSON(t *testing.T) {
	f := serve(t, nil)
	for u, want := range map[string]string{
		"/autodiscover/autodiscover.json/v1.0/alice@example.org?Protocol=AutodiscoverV1":   "200 https://mail.example.org/autodiscover/autodiscover.xml",
		"/Autodiscover/Autodiscover.json/v1.0/alice%40example.org?protocol=autodiscoverv1": "200 https://mail.example.org/autodiscover/autodiscover.xml",
		"/autodiscover/autodiscover.json?Email=alice@example.org&Protocol=AutodiscoverV1":  "200 https://mail.example.org/autodiscover/autodiscover.xml",
		"/autodiscover/autodiscover.json/v1.0/alice@example.org?Protocol=ActiveSync":       "400 InvalidProtocol",
		"/autodiscover/autodiscover.json/v1.0/alice@example.org?Protocol=%3Cscript%3E":     "400 InvalidProtocol",
		"/autodiscover/autodiscover.json/v1.0/alice@example.org":                           "400 MandatoryParameterMissing",
		"/autodiscover/autodiscover.json?Protocol=AutodiscoverV1":                          "400 MandatoryParameterMissing",
	} {
		r := f.ask("GET", "https://autodiscover.example.org"+u, "")
		var got struct{ Protocol, URL, ErrorCode string }
		err := json.Unmarshal([]byte(text(t, r, r.StatusCode)), &got)
		if s := fmt.Sprint(r.StatusCode, " ", got.URL, got.ErrorCode); err != nil || s != want || (got.URL != "") != (got.Protocol == "AutodiscoverV1") {
			t.Errorf("%s gives %s %v, want %s", u, s, err, want)
		}
	}
}

// TestProfile verifies the signature with another implementation, against the
// CA that clients trust, and reads the profile that it covers.
func TestProfile(t *testing.T) {
	f := serve(t, nil)
	profile := func(address string) string {
		t.Helper()
		r := f.ask("GET", "https://mail.example.org/apple/mail.mobileconfig?address="+address, "")
		signed := text(t, r, http.StatusOK)
		if r.Header.Get("Content-Type") != "application/x-apple-aspen-config" {
			t.Error(r.Header)
		}
		file := filepath.Join(t.TempDir(), "signed")
		if err := os.WriteFile(file, []byte(signed), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "openssl", "cms", "-verify", "-inform", "DER", "-in", file, "-CAfile", f.tls.CAFile(), "-purpose", "any").Output()
		if err != nil {
			t.Fatalf("openssl: %v %s", err, out)
		}
		return string(out)
	}
	got := profile("alice%2Btag@example.org")
	var plist struct {
		Keys []string `xml:"dict>array>dict>key"`
	}
	if err := xml.Unmarshal([]byte(got), &plist); err != nil || len(plist.Keys) < 15 {
		t.Fatal(err, plist)
	}
	for key, value := range map[string]string{"EmailAccountType": "<string>EmailTypeIMAP</string>", "EmailAddress": "<string>alice+tag@example.org</string>",
		"IncomingMailServerHostName": "<string>mail.example.org</string>", "IncomingMailServerPortNumber": "<integer>993</integer>",
		"OutgoingMailServerPortNumber": "<integer>465</integer>", "IncomingMailServerUsername": "<string>alice+tag@example.org</string>",
		"IncomingMailServerUseSSL": "<true/>", "OutgoingMailServerUseSSL": "<true/>"} {
		if !strings.Contains(got, "<key>"+key+"</key>"+value) {
			t.Errorf("%s is not %s", key, value)
		}
	}
	if strings.Contains(got, "<key>IncomingPassword</key>") || strings.Contains(got, "<key>OutgoingPassword</key>") {
		t.Error("a password in the profile")
	}
	uuids := regexp.MustCompile(`<string>[0-9A-F]{8}-[0-9A-F]{4}-8[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}</string>`)
	first, again, other := uuids.FindAllString(got, -1), uuids.FindAllString(profile("alice%2Btag@example.org"), -1), uuids.FindAllString(profile("bob@example.org"), -1)
	if len(first) != 2 || first[0] == first[1] || strings.Join(first, " ") != strings.Join(again, " ") || first[0] == other[0] {
		t.Errorf("UUIDs %v, again %v, of another %v", first, again, other)
	}
	if got := profile("a%26b@example.org"); !strings.Contains(got, "<string>a&amp;b@example.org</string>") {
		t.Errorf("not escaped:\n%s", got)
	}
}
