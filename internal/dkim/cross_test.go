package dkim

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"sync"
	"testing"

	msgauth "github.com/emersion/go-msgauth/dkim"
	"pgregory.net/rapid"

	"postroom/internal/dkim/canon"
	"postroom/internal/dkim/sig"
)

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func rsaRecord() []string {
	der, err := x509.MarshalPKIXPublicKey(rsaKey().Public())
	if err != nil {
		panic(err)
	}
	return []string{"v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)}
}

// keyZone has the keys that the tests sign with.
func keyZone() zone {
	return zone{"ed._domainkey.example.org": record(""), "rsa._domainkey.example.org": rsaRecord()}
}

// drawMessage makes a message with white space and empty lines where the
// canonicalizations differ.
func drawMessage(t *rapid.T) string {
	word := rapid.SampledFrom([]string{"a", "bc", "Grüße", "x=y;", "  ", "\t", " \r\n ", "\r\n\t", ":"})
	value := func(label string) string {
		return "v" + strings.Join(rapid.SliceOfN(word, 0, 8).Draw(t, label), "") + "v"
	}
	name := rapid.SampledFrom([]string{"Subject", "to", "CC", "X-Own", "Received"})
	header := "From: " + value("from") + "\r\n"
	for range rapid.IntRange(0, 6).Draw(t, "fields") {
		header += name.Draw(t, "name") + rapid.SampledFrom([]string{":", ": ", ":\t "}).Draw(t, "colon") + value("value") + "\r\n"
	}
	line := rapid.SampledFrom([]string{"", "", "text", " text\t ", "a  b\t\tc", " ", ".", strings.Repeat("long ", 500)})
	body := ""
	for _, l := range rapid.SliceOfN(line, 0, 12).Draw(t, "body") {
		body += l + "\r\n"
	}
	return header + "\r\n" + body
}

// sign signs with the other implementation.
func sign(t *rapid.T, message string) string {
	var key crypto.Signer = testKey
	selector := rapid.SampledFrom([]string{"ed", "rsa"}).Draw(t, "selector")
	if selector == "rsa" {
		key = rsaKey()
	}
	form := rapid.SampledFrom([]msgauth.Canonicalization{msgauth.CanonicalizationSimple, msgauth.CanonicalizationRelaxed})
	var out bytes.Buffer
	err := msgauth.Sign(&out, strings.NewReader(message), &msgauth.SignOptions{Domain: "example.org", Selector: selector, Signer: key,
		HeaderCanonicalization: form.Draw(t, "header"), BodyCanonicalization: form.Draw(t, "body form"),
		HeaderKeys: strings.Fields(strings.Repeat("From Subject To Cc X-Own Received ", 7))}) // more than there are
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func theirs(t *rapid.T, message string) bool {
	z := keyZone()
	got, err := msgauth.VerifyWithOptions(strings.NewReader(message), &msgauth.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) { return z[name], nil }})
	if err != nil && got == nil {
		return false
	}
	return len(got) == 1 && got[0].Err == nil
}

func ours(message string, step int) bool {
	got := verify([]byte(message), keyZone(), step)
	return len(got) == 1 && got[0].Status == sig.Pass
}

func TestSignaturesOfAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		signed := sign(t, drawMessage(t))
		step := rapid.IntRange(1, 100).Draw(t, "step")
		if !theirs(t, signed) || !ours(signed, step) {
			t.Fatalf("%+v\n%q", verify([]byte(signed), keyZone(), step), signed)
		}
	})
}

// TestAlteredSignaturesOfAnother changes an octet that is signed in every
// form: no white space, no line end, and not by case alone.
func TestAlteredSignaturesOfAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := sign(t, drawMessage(t))
		i := rapid.IntRange(0, len(strings.TrimRight(whole, " \t\r\n"))-1).Draw(t, "at")
		for strings.ContainsRune(" \t\r\n", rune(whole[i])) {
			i--
		}
		altered := []byte(whole)
		altered[i] ^= 1 << rapid.SampledFrom([]uint{0, 1, 6}).Draw(t, "bit")
		if strings.ContainsRune("\r\n", rune(altered[i])) {
			return // a bare line end never comes as far as here
		}
		switch {
		case ours(string(altered), 50):
			t.Fatalf("passes, changed to %q at %d\n%q", altered[i], i, altered)
		case theirs(t, string(altered)) && signatureOf(string(altered)) != signatureOf(whole):
			t.Fatalf("passes there only, changed to %q at %d\n%q", altered[i], i, altered)
		}
	})
}

// signatureOf decodes b= of the first field as leniently as the other
// implementation, which takes several spellings of one signature.
func signatureOf(whole string) string {
	value, _, _ := strings.Cut(strings.TrimPrefix(whole, "DKIM-Signature:"), "\r\nFrom:")
	tags, _ := sig.ParseTags(value)
	b, _ := tags.Get("b")
	raw, _ := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(b), ""))
	return string(raw)
}

func BenchmarkVerify(b *testing.B) {
	for name, size := range map[string]int{"4KiB": 4 << 10, "1MiB": 1 << 20} {
		body := strings.Repeat("Forty octets of text, a few words each.\r\n", size/41)
		field := signWith(rsaKey(), strings.NewReplacer("ed25519", "rsa", "s=sel", "s=rsa").Replace(good), plainHeader, body, canon.NoLimit)
		message, z := []byte(field+plainHeader+body), keyZone()
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(message)))
			b.ReportAllocs()
			for b.Loop() {
				if got := verify(message, z, 32<<10); got[0].Status != sig.Pass {
					b.Fatalf("%+v", got)
				}
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	field := signWith(testKey, good, plainHeader, "body\r\n", canon.NoLimit)
	f.Add([]byte(field+plainHeader+"body\r\n"), "t=y; ")
	f.Add([]byte("DKIM-Signature: v=1; a=ed25519-sha256; d=example.org; s=ed; h=from; bh=; b=\r\n\r\n"), "")
	f.Fuzz(func(t *testing.T, message []byte, tags string) {
		if !bytes.Contains(message, []byte("\r\n\r\n")) {
			return
		}
		z := zone{"sel._domainkey.example.org": record(tags)}
		for _, r := range verify(message, z, 10) {
			if r.Status == sig.Pass && (r.Domain != "example.org" || r.Unsigned != 0 || r.Reason != "") || r.Status == "" {
				t.Fatalf("%+v", r)
			}
			if strings.ContainsAny(r.Identity+r.Selector+r.Domain+r.B+r.Reason, "\r\n\x00") {
				t.Fatalf("control characters in %+v", r)
			}
		}
	})
}
