package dsn_test

import (
	"bytes"
	"flag"
	"io"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postroom/delivery/dsn"
	"postroom/internal/mail"
)

var update = flag.Bool("update", false, "write the golden files")

var arrived = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

func report(kind mail.DSNKind, rcpts ...dsn.Recipient) *dsn.Report {
	return &dsn.Report{Kind: kind, Hostname: "mx.us.test", Trace: 1 << 40, Original: 1 << 39, Date: arrived.Add(4 * time.Hour),
		To: mail.Address{Local: "alice", Domain: "us.test"}, MessageID: "<m1@us.test>", Arrived: arrived,
		RetryUntil: arrived.Add(5 * 24 * time.Hour), Recipients: rcpts,
		Header: []byte("From: alice@us.test\r\nTo: bob@example.test\r\nSubject: hello\r\nMessage-ID: <m1@us.test>\r\n")}
}

func rcpt(local, domain string, reply mail.RemoteReply) dsn.Recipient {
	return dsn.Recipient{Address: mail.Address{Local: local, Domain: domain}, Reply: reply, LastAttempt: arrived.Add(3 * time.Hour)}
}

var unknown = mail.RemoteReply{Code: 550, Status: "5.1.1", Text: "No such user here", Remote: "mx.example.test [192.0.2.1]"}

func reports() map[string]*dsn.Report {
	full := report(mail.DSNFailure, rcpt("bob", "example.test", unknown))
	full.Full, full.Body8Bit = strings.NewReader("Subject: hello\r\n\r\nGrüße\r\n"), true
	idn := report(mail.DSNFailure, rcpt("käthe", "xn--bcher-kva.example", mail.RemoteReply{Code: 553, Status: "5.6.7", Text: "SMTPUTF8 fehlt – schade", Remote: "mx.x.test [2001:db8::1]"}))
	idn.UTF8, idn.Recipients[0].ORcpt = true, "utf-8;käthe@bücher.example"
	idn.Header = []byte("From: alice@us.test\r\nTo: käthe@bücher.example\r\nSubject: Grüße\r\n")
	domainOnly := report(mail.DSNFailure, rcpt("bob", "xn--bcher-kva.example", mail.RemoteReply{Code: 550, Status: "5.7.1", Text: "größer als erlaubt", Remote: "mx.x.test [192.0.2.7]"}))
	expired := report(mail.DSNFailure, rcpt("bob", "example.test", mail.RemoteReply{Status: "4.4.1", Text: "the connection timed out", Remote: "mx.example.test [192.0.2.1]"}))
	expired.Recipients[0].Expired, expired.Date, expired.EnvID = true, arrived.Add(5*24*time.Hour), "QQ314159\r\nInjected: \x01"
	long := report(mail.DSNFailure, rcpt("bob", "example.test", mail.RemoteReply{Code: 554, Status: "5.7.1",
		Text: strings.Repeat("refused by our policy, see https://policy.example.test/ ", 8) + strings.Repeat("x", 1000), Remote: "mx.example.test [192.0.2.1]"}),
		rcpt("carol", "example.test", mail.RemoteReply{Status: "5.1.2", Text: "the domain example.test does not exist"}))
	long.MessageID = "<evil@x>\r\nBcc: all"
	return map[string]*dsn.Report{
		"failure": report(mail.DSNFailure, rcpt("bob", "example.test", unknown)),
		"full":    full, "global": idn, "idn-domain": domainOnly, "expired": expired, "long": long,
		"delivered": report(dsn.Delivered, rcpt("bob", "example.test", mail.RemoteReply{Status: "2.0.0"})),
		"delay":     report(mail.DSNDelay, rcpt("bob", "example.test", mail.RemoteReply{Code: 450, Status: "4.2.0", Text: "greylisted", Remote: "mx.example.test [192.0.2.1]"})),
		"relayed": report(mail.DSNSuccess, dsn.Recipient{Address: mail.Address{Local: "bob", Domain: "example.test"}, ORcpt: "rfc822;bob@example.test",
			Reply: mail.RemoteReply{Code: 250, Status: "2.0.0", Text: "queued", Remote: "mx.example.test [192.0.2.1]"}}),
	}
}

func TestGolden(t *testing.T) {
	for name, r := range reports() {
		var b bytes.Buffer
		if err := r.Write(&b); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name+".eml")
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Errorf("%s is\n%s", name, b.Bytes())
		}
	}
}

// TestReadable reads each report as a mail program would.
func TestReadable(t *testing.T) {
	for name, r := range reports() {
		var b bytes.Buffer
		if err := r.Write(&b); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.SplitAfter(b.String(), "\r\n") {
			if strings.ContainsAny(strings.TrimSuffix(line, "\r\n"), "\r\n\x00") || len(line) > 998 {
				t.Errorf("%s: line %q", name, line)
			}
		}
		m, err := netmail.ReadMessage(&b)
		if err != nil {
			t.Fatal(err)
		}
		kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
		if err != nil || kind != "multipart/report" || params["report-type"] != "delivery-status" || m.Header.Get("Bcc") != "" {
			t.Errorf("%s: %v %q %v", name, err, kind, m.Header)
		}
		parts := multipart.NewReader(m.Body, params["boundary"])
		var kinds []string
		for {
			p, err := parts.NextRawPart()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(p)
			if enc := p.Header.Get("Content-Transfer-Encoding"); enc == "7bit" && bytes.ContainsFunc(body, func(r rune) bool { return r >= 0x80 }) {
				t.Errorf("%s: 8-bit octets in a 7bit part", name)
			}
			k, _, _ := strings.Cut(p.Header.Get("Content-Type"), ";")
			kinds = append(kinds, k)
		}
		want := "text/plain message/delivery-status text/rfc822-headers"
		switch name {
		case "full":
			want = "text/plain message/delivery-status message/rfc822"
		case "global":
			want = "text/plain message/global-delivery-status message/global-headers"
		}
		if got := strings.Join(kinds, " "); got != want {
			t.Errorf("%s: parts %s", name, got)
		}
	}
}
