package arc

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"postroom/internal/dkim/canon"
	"postroom/internal/dkim/sig"
	"postroom/internal/dns"
)

var now = time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)

const (
	header = "DKIM-Signature: v=1; a=x\r\nFrom: Jo <jo@example.org>\r\nTo: list@example.net\r\nSubject: one\r\nDate: now\r\n\r\n"
	body   = "Hello  all.\r\n\r\n"
)

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	return key
})

var edKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, ed25519.SeedSize))

// sealer is the n-th on the way; the second uses Ed25519.
func sealer(n int) *Sealer {
	var key crypto.Signer = rsaKey()
	if n == 2 {
		key = edKey
	}
	domain := fmt.Sprintf("hop%d.example", n)
	return &Sealer{Signer: Signer{domain, "sel"}, Key: key, AuthServID: "mx." + domain}
}

// zone answers for all sealers; a name in it is answered by its text, or fails
// for now when that is empty.
type zone struct {
	texts map[string]string
	mu    sync.Mutex
	asked int
}

func (z *zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.asked++
	if text, ok := z.texts[name]; ok {
		if text == "" {
			return nil, &dns.Error{Name: name, Type: "TXT", Kind: dns.Temporary}
		}
		return []string{text}, nil
	}
	if name == "sel._domainkey.hop2.example" {
		return []string{"k=ed25519; p=" + base64.StdEncoding.EncodeToString(edKey.Public().(ed25519.PublicKey))}, nil
	}
	if !strings.HasPrefix(name, "sel._domainkey.hop") {
		return nil, &dns.Error{Name: name, Type: "TXT", Kind: dns.NotFound}
	}
	der, err := x509.MarshalPKIXPublicKey(rsaKey().Public())
	return []string{"v=DKIM1; p=" + base64.StdEncoding.EncodeToString(der)}, err
}

func pass(body string, v func(*canon.Bodies) *Validator) (*Validator, *canon.Bodies) {
	bodies := &canon.Bodies{}
	bodies.Want(canon.Relaxed, canon.NoLimit)
	one := v(bodies)
	_, _ = bodies.Write([]byte(body))
	return one, bodies
}

// validate validates a message.
func validate(header, body string, z *zone) Result {
	v, _ := pass(body, func(b *canon.Bodies) *Validator { return New([]byte(header), b, now) })
	return v.Finish(context.Background(), z)
}

// hop validates a message as it comes in and seals it as it goes out, with
// another header and body if those are not empty.
func hop(t testing.TB, n int, in, inBody, out, outBody string) string {
	t.Helper()
	v, bodies := pass(inBody, func(b *canon.Bodies) *Validator { return New([]byte(in), b, now) })
	chain := v.Finish(context.Background(), &zone{})
	if outBody != inBody {
		_, bodies = pass(outBody, func(*canon.Bodies) *Validator { return nil })
	}
	fields, err := sealer(n).Seal([]byte(out), bodies, chain, fmt.Sprintf("spf=pass smtp.mailfrom=jo@example.org;\r\n\thop=%d", n), now)
	if err != nil {
		t.Fatalf("hop %d: %v", n, err)
	}
	return fields + out
}

// chain makes a message that three have sealed; the second changed Subject and
// body, as a list does.
func chain(t testing.TB) (string, string) {
	first := hop(t, 1, header, body, header, body)
	list, footer := strings.Replace(first, "Subject: one", "Subject: [list] one", 1), body+"-- \r\nfooter\r\n"
	second := hop(t, 2, first, body, list, footer)
	return hop(t, 3, second, footer, "Received: by hop3\r\n"+second, footer), footer
}

func TestChainOfThree(t *testing.T) {
	header, body := chain(t)
	got := validate(header, body, &zone{})
	if got.Status != sig.Pass || got.Instances != 3 || got.OldestPass != 2 || got.Reason != "" || len(got.Sets) != 3 {
		t.Fatalf("%+v\n%s", got, header)
	}
	for i, s := range got.Sets {
		want := Signer{fmt.Sprintf("hop%d.example", i+1), "sel"}
		results := fmt.Sprintf("mx.hop%d.example;\tspf=pass smtp.mailfrom=jo@example.org;\thop=%d", i+1, i+1)
		if s.Seal != want || s.Signature != want || s.AuthResults != results {
			t.Errorf("%d: %+v", i+1, s)
		}
	}
	if longest := longestLine(header); longest > 100 {
		t.Errorf("a line of %d octets:\n%s", longest, header)
	}
}

func longestLine(s string) (n int) {
	for line := range strings.SplitSeq(s, "\r\n") {
		n = max(n, len(line))
	}
	return n
}

func TestNoChain(t *testing.T) {
	if got := validate(header, body, &zone{}); got.Status != sig.None || got.Instances != 0 {
		t.Errorf("%+v", got)
	}
}

// TestOldestPass: RFC 8617 §5.2 step 5.
func TestOldestPass(t *testing.T) {
	first := hop(t, 1, header, body, header, body)
	second := hop(t, 2, first, body, first, body)
	if got := validate(second, body, &zone{}); got.Status != sig.Pass || got.OldestPass != 0 {
		t.Errorf("nothing changed: %+v", got)
	}
	changed := hop(t, 3, second, body, strings.Replace(second, "Subject: one", "Subject: two", 1), body)
	if got := validate(changed, body, &zone{}); got.Status != sig.Pass || got.OldestPass != 3 {
		t.Errorf("changed by the third: %+v", got)
	}
}

// TestTampering changes one thing of a chain that passes.
func TestTampering(t *testing.T) {
	header, body := chain(t)
	newest := fmt.Sprintf("ARC-Message-Signature: i=3; a=rsa-sha256; d=hop3.example; s=sel; t=%d;", now.Unix())
	for _, c := range []struct{ old, new, reason string }{
		{"Subject: [list] one", "Subject: two", "message signature 3: signature did not verify"},
		{"From: Jo", "From: X\r\nFrom: Jo", "message signature 3: signature did not verify"},
		{"To: list@", "To: other@", "message signature 3: signature did not verify"},
		{"ARC-Message-Signature: i=3; a=rsa-sha256; d=hop3", "ARC-Message-Signature: i=3; a=rsa-sha256; d=hop4", "message signature 3: signature did not verify"},
		{"hop=3", "hop=4", "seal 3: signature did not verify"},
		{"hop=1", "hop=4", "seal 3: signature did not verify"},
		{"ARC-Seal: i=2; a=ed25519-sha256; d=hop2.example; s=sel", "ARC-Seal: i=2; a=ed25519-sha256; d=hop2.example; s=nil", "seal 3: signature did not verify"},
		{"ARC-Message-Signature: i=1; a=rsa-sha256; d=hop1", "ARC-Message-Signature: i=1; a=rsa-sha256; d=hop4", "seal 3: signature did not verify"},
		{"a=ed25519-sha256", "a=rsa-sha1", "seal 2: rsa-sha1 is withdrawn"},
		{"cv=pass", "cv=none", "cv= of seal 3 is not pass"},
		{"cv=none", "cv=pass", "cv= of seal 1 is not none"},
		{"cv=pass", "cv=fail", "seal 3 says cv=fail"},
		{"cv=pass", "cv=perhaps", "cv= of seal 3 is not pass"},
		{"cv=pass;", "", "cv= of seal 3 is not pass"},
		{"cv=pass;", "cv=pass; h=from;", "seal 3 has h="},
		{"cv=pass;", "cv=pass; cv=pass;", "seal 3: signature syntax"},
		{"ARC-Seal: i=3", "ARC-Seal: i=4", "set 3 is not whole"},
		{"ARC-Seal: i=2", "ARC-Seal: i=3", "set 2 is not whole"},
		{"ARC-Seal: i=1", "ARC-Seal: i=0", "instance is no number from 1 to 50"},
		{"ARC-Seal: i=1", "ARC-Seal: i=51", "instance is no number from 1 to 50"},
		{"ARC-Seal: i=1", "ARC-Seal: x=1", "instance is no number from 1 to 50"},
		{"ARC-Seal: i=1;", "ARC-Seal: i=1", "instance is no number from 1 to 50"},
		{"ARC-Seal: i=1", "X-Seal: i=1", "set 1 is not whole"},
		{"ARC-Message-Signature: i=2", "X-Signature: i=2", "set 2 is not whole"},
		{"ARC-Authentication-Results: i=3", "X-Results: i=3", "set 3 is not whole"},
		{"ARC-Authentication-Results: i=3", "ARC-Authentication-Results: i=3; x\r\nARC-Authentication-Results: i=3", "set 3 is not whole"},
		{"h=from:", "h=from:arc-seal:", "message signature 3: signs ARC fields"},
		{"h=from:", "h=from:arc-authentication-results:", "message signature 3: signs ARC fields"},
		{"h=from:\r\n\tfrom:", "h=", "message signature 3: From not signed"},
		{"c=relaxed/relaxed", "c=relaxed/other", "message signature 3: unknown canonicalization"},
		{"c=relaxed/relaxed;", "c=relaxed/relaxed; x=1;", "message signature 3: x= is no time after t="},
		{"c=relaxed/relaxed;", "c=relaxed/relaxed; q=https;", "message signature 3: unknown query method"},
		{newest, strings.Replace(newest, "t=", "x=2; t=1; z=", 1), "message signature 3: signature expired"},
		{newest, strings.Replace(newest, "t=", "t=9", 1), "message signature 3: signature from the future"},
	} {
		altered := strings.Replace(header, c.old, c.new, 1)
		if altered == header {
			t.Fatalf("%q is not in the header", c.old)
		}
		got := validate(altered, body, &zone{})
		if got.Status != sig.Fail || got.Reason != c.reason || got.Sets != nil || got.Temporary {
			t.Errorf("%q for %q: %+v, want %q", c.new, c.old, got, c.reason)
		}
	}
	if got := validate(header, body+"more\r\n", &zone{}); got.Status != sig.Fail || got.Reason != "message signature 3: body hash did not verify" {
		t.Errorf("body: %+v", got)
	}
}

// TestEveryOctetOfTheSetsIsSealed alters all of the three sets, octet by octet.
func TestEveryOctetOfTheSetsIsSealed(t *testing.T) {
	header, body := chain(t)
	const unsigned = "Received: by hop3\r\n"
	received := strings.Index(header, unsigned)
	for i := range strings.Index(header, "DKIM-Signature") {
		if strings.ContainsRune(" \t\r\n", rune(header[i])) || i >= received && i < received+len(unsigned) {
			continue
		}
		altered := []byte(header)
		altered[i] ^= 1
		if got := validate(string(altered), body, &zone{}); got.Status != sig.Fail {
			t.Errorf("%q for %q at %d: %+v", altered[i], header[i], i, got)
		}
	}
}

// TestKeyTrouble: RFC 8617 §5.2.1: look-ups that fail are final, and told apart.
func TestKeyTrouble(t *testing.T) {
	header, body := chain(t)
	for name, want := range map[string]Result{
		"hop3": {Status: sig.Fail, Reason: "message signature 3: key look-up failed for now", Temporary: true, Instances: 3},
		"hop1": {Status: sig.Fail, Reason: "seal 1: key look-up failed for now", Temporary: true, Instances: 3},
	} {
		got := validate(header, body, &zone{texts: map[string]string{"sel._domainkey." + name + ".example": ""}})
		if got.Status != want.Status || got.Reason != want.Reason || !got.Temporary || got.Instances != 3 || got.Sets != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	pub := base64.StdEncoding.EncodeToString(edKey.Public().(ed25519.PublicKey))
	got := validate(header, body, &zone{texts: map[string]string{"sel._domainkey.hop2.example": "t=y; k=ed25519; p=" + pub}})
	if got.Status != sig.Fail || got.Reason != "seal 2: the key is for testing" || got.Temporary {
		t.Errorf("testing: %+v", got)
	}
}

// TestForgedChainAsksLittle: RFC 8617 §9.2: one question, until the newest
// message signature is good.
func TestForgedChainAsksLittle(t *testing.T) {
	header, _ := chain(t)
	z := &zone{}
	if got := validate(header, "forged\r\n", z); got.Status != sig.Fail || z.asked != 1 {
		t.Errorf("%d questions, %+v", z.asked, got)
	}
}
