package dkim

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"postroom/internal/dkim/canon"
	"postroom/internal/dkim/sig"
	"postroom/internal/message"
)

const plainHeader = "From: Jo <jo@example.org>\r\nSubject: one\r\n\r\n"

var testKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

// record is the key record of testKey, with more tags before p=.
func record(tags string) []string {
	pub := testKey.Public().(ed25519.PublicKey)
	return []string{"v=DKIM1; k=ed25519; " + tags + "p=" + base64.StdEncoding.EncodeToString(pub)}
}

// good are the tags of a signature that passes, but bh= and b=.
const good = "v=1; a=ed25519-sha256; d=example.org; s=sel; h=from:subject; c=relaxed/relaxed; "

// signWith makes a signature field of any tags, good or bad, over a message;
// limit is that of l=. The hashes are right for relaxed/relaxed.
func signWith(key crypto.Signer, tags, header, body string, limit int64) string {
	b := &canon.Bodies{}
	b.Want(canon.Relaxed, limit)
	_, _ = b.Write([]byte(body))
	digest, _ := b.Digest(canon.Relaxed, limit)
	field := "DKIM-Signature: " + tags + "bh=" + base64.StdEncoding.EncodeToString(digest[:]) + "; b="
	var names []string
	if list, err := sig.ParseTags(tags); err == nil {
		h, _ := list.Get("h")
		names = strings.Split(strings.ToLower(h), ":")
	}
	var hashed bytes.Buffer
	canon.NewHeader([]byte(header)).WriteSigned(&hashed, names, message.Field{}, canon.Relaxed)
	hashed.Write(bytes.TrimSuffix(canon.AppendField(nil, []byte(field), canon.Relaxed), []byte("\r\n")))
	value, err := sig.Sign(key, hashed.Bytes())
	if err != nil {
		panic(err)
	}
	return field + value + "\r\n"
}

// TestRules changes one thing of a good signature at a time.
func TestRules(t *testing.T) {
	at := func(format string, days int) string { return fmt.Sprintf(format, now.AddDate(0, 0, days).Unix()) }
	for _, c := range []struct {
		name   string
		tags   string // added to the good ones, or, with a "-", instead of them
		zone   string // tags of the key record
		status sig.Status
		reason string
	}{
		{"good", "", "", sig.Pass, ""},
		{"no version", "-" + strings.Replace(good, "v=1; ", "", 1), "", sig.PermError, "required tag missing"},
		{"version 2", "-" + strings.Replace(good, "v=1", "v=2", 1), "", sig.Neutral, "unknown version"},
		{"no From", "-" + strings.Replace(good, "from:", "", 1), "", sig.PermError, "From not signed"},
		{"sha1", "-" + strings.Replace(good, "ed25519-sha256", "rsa-sha1", 1), "", sig.PermError, "rsa-sha1 is withdrawn"},
		{"public suffix", "-" + strings.Replace(good, "example.org", "co.uk", 1), "", sig.Policy, "d= is a public suffix"},
		{"i= of the domain", "i=jo@example.org; ", "", sig.Pass, ""},
		{"i= below", "i=@a.b.example.org; ", "", sig.Pass, ""},
		{"i= in other letters", "i=@Example.ORG; ", "", sig.Pass, ""},
		{"i= elsewhere", "i=@example.com; ", "", sig.PermError, "i= is not within d="},
		{"i= ends alike", "i=@badexample.org; ", "", sig.PermError, "i= is not within d="},
		{"i= without at", "i=example.org; ", "", sig.Neutral, "i= is no identity"},
		{"i= empty", "i=; ", "", sig.Neutral, "i= is no identity"},
		{"i= with control", "i=a=0Ab@example.org; ", "", sig.Neutral, "i= is no identity"},
		{"i= not quoted right", "i=a=4@example.org; ", "", sig.Neutral, "i= is no identity"},
		{"i= too long", "i=" + strings.Repeat("x", maxIdentity) + "@example.org; ", "", sig.Neutral, "i= is no identity"},
		{"not expired", at("x=%d; ", 1), "", sig.Pass, ""},
		{"expired", at("x=%d; ", -1), "", sig.Fail, "signature expired"},
		{"expired within skew", fmt.Sprintf("x=%d; ", now.Unix()-240), "", sig.Pass, ""},
		{"expired beyond skew", fmt.Sprintf("x=%d; ", now.Unix()-301), "", sig.Fail, "signature expired"},
		{"made now", at("t=%d; ", 0), "", sig.Pass, ""},
		{"made next week", at("t=%d; ", 7), "", sig.Policy, "signature from the future"},
		{"strict, same domain", "i=@example.org; ", "t=s; ", sig.Pass, ""},
		{"strict, no i=", "", "t=s; ", sig.Pass, ""},
		{"strict, subdomain", "i=@a.example.org; ", "t=s; ", sig.PermError, "key is not for subdomains"},
		{"testing", "", "t=y; ", sig.Pass, ""},
		{"other service", "", "s=other; ", sig.PermError, "key is not for mail"},
		{"key for SHA-1", "", "h=sha1; ", sig.PermError, "key is not for this hash"},
		{"all octets by l=", "l=6; ", "", sig.Pass, ""},
		{"l= too small", "l=3; ", "", sig.Policy, "l= leaves a part of the body unsigned"},
		{"l= zero", "l=0; ", "", sig.Policy, "l= leaves a part of the body unsigned"},
		{"l= too large", "l=7; ", "", sig.Fail, "body shorter than l="},
	} {
		tags, limit := good+c.tags, int64(canon.NoLimit)
		if other, ok := strings.CutPrefix(c.tags, "-"); ok {
			tags = other
		}
		_, _ = fmt.Sscanf(c.tags, "l=%d;", &limit)
		z := zone{"sel._domainkey.example.org": record(c.zone)}
		field := signWith(testKey, tags, plainHeader, "body\r\n", limit)
		got := verify([]byte(field+plainHeader+"body\r\n"), z, 3)
		if len(got) != 1 || got[0].Status != c.status || got[0].Reason != c.reason {
			t.Errorf("%s: %+v, want %s %q", c.name, got, c.status, c.reason)
		}
		if len(got) == 1 && (got[0].Testing != (c.zone == "t=y; ") || got[0].Strict != (c.zone == "t=s; ")) {
			t.Errorf("%s: flags %+v", c.name, got[0])
		}
	}
}

// TestUnsignedOctets says how much l= leaves out.
func TestUnsignedOctets(t *testing.T) {
	field := signWith(testKey, good+"l=6; ", plainHeader, "body\r\n", 6)
	z := zone{"sel._domainkey.example.org": record("")}
	got := verify([]byte(field+plainHeader+"body\r\nadded\r\n"), z, 5)
	if got[0].Status != sig.Policy || got[0].Unsigned != 7 {
		t.Errorf("%+v", got[0])
	}
}

// TestTestingFailure: RFC 6376 §3.6.1: as if unsigned, even should it fail.
func TestTestingFailure(t *testing.T) {
	field := signWith(testKey, good, plainHeader, "body\r\n", canon.NoLimit)
	z := zone{"sel._domainkey.example.org": record("t=y; ")}
	got := verify([]byte(field+plainHeader+"other\r\n"), z, 5)
	if got[0].Status != sig.Neutral || !got[0].Testing || got[0].Reason != "body hash did not verify, and the key is for testing" {
		t.Errorf("%+v", got[0])
	}
}

// TestKeys: what the DNS may say, and what comes of it.
func TestKeys(t *testing.T) {
	const name = "sel._domainkey.example.org"
	field := signWith(testKey, good, plainHeader, "body\r\n", canon.NoLimit)
	whole := []byte(field + plainHeader + "body\r\n")
	other := "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	for _, c := range []struct {
		name   string
		txts   []string
		status sig.Status
		reason string
	}{
		{"for now", []string{"temporary"}, sig.TempError, "key look-up failed for now"},
		{"none", []string{}, sig.PermError, "no key"},
		{"revoked", []string{"v=DKIM1; k=ed25519; p="}, sig.PermError, "key revoked"},
		{"not DKIM", []string{"v=spf1 -all"}, sig.PermError, "not a DKIM key record"},
		{"another key", []string{other}, sig.Fail, "signature did not verify"},
		{"the second", append([]string{"v=spf1 -all", other}, record("")...), sig.Pass, ""},
	} {
		got := verify(whole, zone{name: c.txts}, 9)
		if got[0].Status != c.status || got[0].Reason != c.reason {
			t.Errorf("%s: %+v", c.name, got[0])
		}
	}
	if got := verify(whole, zone{}, 9); got[0].Status != sig.PermError || got[0].Reason != "no key" {
		t.Errorf("no such name: %+v", got[0])
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := New([]byte(field+plainHeader), &canon.Bodies{}, now)
	if got := v.Finish(ctx, zone{name: record("")}); got[0].Status != sig.TempError {
		t.Errorf("cancelled: %+v", got[0])
	}
}

// TestManySignatures: the limit counts from the top, and none is a result.
func TestManySignatures(t *testing.T) {
	one := signWith(testKey, good, plainHeader, "body\r\n", canon.NoLimit)
	bad := "DKIM-Signature: nonsense\r\n"
	z := zone{"sel._domainkey.example.org": record("")}
	got := verify([]byte(strings.Repeat(bad, MaxSignatures-1)+one+one+plainHeader+"body\r\n"), z, 99)
	if len(got) != MaxSignatures || got[MaxSignatures-1].Status != sig.Pass || got[0].Status != sig.Neutral {
		t.Errorf("%+v", got)
	}
	if got := verify([]byte(plainHeader+"body\r\n"), z, 99); len(got) != 0 {
		t.Errorf("no signature: %+v", got)
	}
}

// TestLargeHeader: nothing is said about what was not read to its end.
func TestLargeHeader(t *testing.T) {
	one := signWith(testKey, good, plainHeader, "body\r\n", canon.NoLimit)
	header := one + "X: " + strings.Repeat("x", message.MaxHeader) + "\r\n" + plainHeader
	got := verify([]byte(header+"body\r\n"), zone{"sel._domainkey.example.org": record("")}, 99)
	if len(got) != 1 || got[0].Status != sig.Policy {
		t.Errorf("%+v", got)
	}
}

// TestInternationalDomain: RFC 8616: the key is asked for under A-labels, the
// hash takes the field as it stands.
func TestInternationalDomain(t *testing.T) {
	tags := strings.Replace(good, "example.org", "bücher.example", 1) + "i=jürgen@post.bücher.example; "
	header := "From: jürgen@bücher.example\r\nSubject: öffnen\r\n\r\n"
	field := signWith(testKey, tags, header, "body\r\n", canon.NoLimit)
	z := zone{"sel._domainkey.xn--bcher-kva.example": record("")}
	got := verify([]byte(field+header+"body\r\n"), z, 99)[0]
	if got.Status != sig.Pass || got.Domain != "xn--bcher-kva.example" || got.Identity != "jürgen@post.xn--bcher-kva.example" {
		t.Errorf("%+v", got)
	}
}
