package arf

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"postroom/internal/mail"
	"postroom/internal/message"
	"postroom/internal/report"
)

// dir is a folder of real messages.
var dir = os.Getenv("POSTROOM_TEST_MAIL")

func trace(s string) []mail.TraceID {
	id, err := mail.ParseTraceID(s)
	if err != nil {
		panic(err)
	}
	return []mail.TraceID{id}
}

var cases = map[string]*Report{
	"abuse": {
		Type: "abuse", UserAgent: "Feedback/2.1", Version: "1", EnvID: "00000g0000000", Incidents: 3,
		MailFrom:    mail.Address{Local: "news", Domain: "us.test"},
		Recipients:  []mail.Address{{Local: "bob", Domain: "provider.test"}, {Local: "carol", Domain: "provider.test"}},
		SourceIP:    netip.MustParseAddr("192.0.2.1"),
		Arrived:     time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC),
		Domains:     []string{"us.test"},
		URIs:        []string{"http://us.test/offer", "mailto:news@us.test"},
		AuthResults: []string{"mx.provider.test; spf=pass smtp.mailfrom=news@us.test", "mx.provider.test; dkim=pass header.d=us.test"},
		Original:    report.Original{MessageID: "<m1@us.test>", Traces: trace("00000g0000001")},
	},
	"redacted": {
		Type: "abuse", UserAgent: "Agent", Version: "0.1", Incidents: 1, SourceIP: netip.MustParseAddr("2001:db8::1"),
		Arrived:  time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC),
		Original: report.Original{MessageID: "<m2@us.test>"},
	},
	"bare": {Type: "not-spam", Incidents: 1},
	"none": nil, "none-forwarded": nil,

	"messages-feedback-report.txt": {
		Type: "abuse", UserAgent: "SomeGenerator/1.0", Version: "1", Incidents: 1,
		MailFrom:    mail.Address{Local: "somespammer", Domain: "example.net"},
		Recipients:  []mail.Address{{Local: "user", Domain: "example.com"}},
		SourceIP:    netip.MustParseAddr("192.0.2.2"),
		Arrived:     time.Date(2005, 3, 8, 18, 0, 0, 0, time.UTC),
		Domains:     []string{"example.net"},
		URIs:        []string{"http://example.net/earn_money.html", "mailto:user@example.com"},
		AuthResults: []string{"mail.example.com; spf=fail smtp.mail=somespammer@example.com"},
		Original:    report.Original{MessageID: "8787KJKJ3K4J3K4J3K4J3.mail@example.net"},
	},
	"messages-delivery-status.txt": nil, "messages-disposition-notification.txt": nil,
}

func TestRead(t *testing.T) {
	for name, want := range cases {
		path := filepath.Join("testdata", name+".eml")
		if strings.HasPrefix(name, "messages-") {
			if path = filepath.Join(dir, name); dir == "" {
				continue
			}
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range [][]byte{b, bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))} {
			got := read(t, b)
			if got != nil {
				got.Arrived = got.Arrived.UTC()
				if got.Arrived.IsZero() {
					got.Arrived = time.Time{}
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
			}
		}
	}
}

func read(t testing.TB, b []byte) *Report {
	t.Helper()
	p := message.NewParser(nil)
	p.Write(b)
	parts, err := message.DecodeParts(p.Finish().Parts)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Read(bytes.NewReader(b), parts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestBounds: what repeats and what is long ends somewhere.
func TestBounds(t *testing.T) {
	r := read(t, []byte("Content-Type: message/feedback-report\n\nFeedback-Type: "+strings.Repeat("x", 1000)+"\n"+
		strings.Repeat("Original-Rcpt-To: bob@provider.test\nReported-Domain: "+strings.Repeat("ü", 1000)+"\n", 1000)))
	if len(r.Recipients) != maxRepeats || len(r.Domains) != maxRepeats || len(r.Type) != maxWord || len(r.Domains[0]) != maxText {
		t.Errorf("%d recipients, %d domains, a type of %d, a domain of %d octets", len(r.Recipients), len(r.Domains), len(r.Type), len(r.Domains[0]))
	}
}

func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.eml")
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := read(t, b)
		if r == nil {
			return
		}
		texts := append(append(append([]string{r.Type, r.UserAgent, r.Version, r.EnvID}, r.Domains...), r.URIs...), r.AuthResults...)
		for _, s := range texts {
			if !utf8.ValidString(s) || len(s) > maxText || strings.ContainsAny(s, "\r\n\x00\u202e") {
				t.Fatalf("not for a text column: %q", s)
			}
		}
		if r.Incidents < 1 || len(r.Recipients) > maxRepeats || r.SourceIP.Zone() != "" {
			t.Fatalf("%+v", r)
		}
		for _, a := range r.Recipients {
			if a.IsNull() {
				t.Fatal("a null recipient")
			}
		}
	})
}
