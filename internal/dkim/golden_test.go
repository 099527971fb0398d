package dkim

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"postroom/internal/dkim/canon"
	"postroom/internal/dkim/sig"
	"postroom/internal/dns"
)

// zone answers TXT questions from a table; a name with the value "temporary"
// fails for now.
type zone map[string][]string

func (z zone) LookupTXT(ctx context.Context, name string) ([]string, error) {
	txts, ok := z[name]
	switch {
	case ctx.Err() != nil || ok && len(txts) == 1 && txts[0] == "temporary":
		return nil, &dns.Error{Name: name, Type: "TXT", Kind: dns.Temporary, Err: ctx.Err()}
	case !ok:
		return nil, &dns.Error{Name: name, Type: "TXT", Kind: dns.NotFound}
	}
	return txts, nil
}

// printed are the keys that the RFCs print.
var printed = zone{
	"brisbane._domainkey.football.example.com": {"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="},
	"test._domainkey.football.example.com": {"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR" +
		"iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC" +
		"DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3" +
		"Ip3G+2kryOTIKT+l/K4w3QIDAQAB"},
	"brisbane._domainkey.example.com": {"v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQ" +
		"KBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt" +
		"IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v" +
		"/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhi" +
		"tdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"},
}

// now is when the tests run.
var now = time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)

// verify runs a whole message through a Verifier, its body in pieces of step.
func verify(message []byte, r sig.Resolver, step int) []Result {
	i := bytes.Index(message, []byte("\r\n\r\n")) + 4
	bodies := &canon.Bodies{}
	v := New(message[:i], bodies, now)
	for body := message[i:]; len(body) > 0; {
		n := min(step, len(body))
		_, _ = bodies.Write(body[:n])
		body = body[n:]
	}
	return v.Finish(context.Background(), r)
}

func printedMessage(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
}

// TestPrintedMessages: RFC 6376 appendix A.2, RFC 8463 appendix A.3. RFC 6376
// prints two spaces in the body where one was signed, and its lines are
// indented by the page: its own bh= and b= tell which are right.
func TestPrintedMessages(t *testing.T) {
	for name, want := range map[string][]Result{
		"rfc6376.msg": {{Status: sig.Pass, Domain: "example.com", Identity: "joe@football.example.com", Selector: "brisbane",
			Algorithm: "rsa-sha256", B: "AuUoFEfD"}},
		"rfc8463.msg": {
			{Status: sig.Pass, Domain: "football.example.com", Identity: "@football.example.com", Selector: "brisbane",
				Algorithm: "ed25519-sha256", B: "/gCrinpc"},
			{Status: sig.Pass, Domain: "football.example.com", Identity: "@football.example.com", Selector: "test",
				Algorithm: "rsa-sha256", B: "F45dVWDf"},
		},
	} {
		for _, step := range []int{1, 7, 1 << 20} {
			got := verify(printedMessage(t, name), printed, step)
			if len(got) != len(want) {
				t.Fatalf("%s: %+v", name, got)
			}
			for i := range want {
				if got[i].B = got[i].B[:8]; got[i] != want[i] {
					t.Errorf("%s, signature %d:\n%+v, want\n%+v", name, i, got[i], want[i])
				}
			}
		}
	}
}

// TestPrintedMessageIsNotAltered changes the RFC 6376 example octet by octet:
// simple canonicalization signs all of it.
func TestPrintedMessageIsNotAltered(t *testing.T) {
	message := printedMessage(t, "rfc6376.msg")
	bValue := bytes.Index(message, []byte(" b=")) + 3
	bEnd := bytes.Index(message, []byte("Received:"))
	for i := range message {
		if i >= bValue && i < bEnd && strings.ContainsRune(" \r\n", rune(message[i])) {
			continue // white space in b= is not signed
		}
		altered := bytes.Clone(message)
		altered[i] ^= 1
		for _, r := range verify(altered, printed, 1<<20) {
			if r.Status == sig.Pass {
				t.Errorf("passes with %q for %q at %d", altered[i], message[i], i)
			}
		}
	}
}
