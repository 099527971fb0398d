package oidc_test

import (
	"bytes"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"postroom/internal/mail"
	"postroom/internal/oidc"
	"postroom/internal/sasl/sasltest"
)

const alice = "alice@example.test"

// clock is a time that tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type fixture struct {
	*oidc.Issuer
	at   *sasltest.Issuer
	time *clock
	logs *bytes.Buffer
}

func verifier(t *testing.T, change ...func(*oidc.Config)) fixture {
	t.Helper()
	f := fixture{at: sasltest.NewIssuer(t), time: &clock{at: time.Now()}, logs: &bytes.Buffer{}}
	c := oidc.Config{Issuer: f.at.URL, Audience: sasltest.Audience, Claim: "email", Transport: f.at.Transport, Now: f.time.now,
		Log: slog.New(slog.NewTextHandler(f.logs, nil))}
	for _, g := range change {
		g(&c)
	}
	f.Issuer = oidc.New(c)
	return f
}

// verify gives the address, or the code of the error.
func (f fixture) verify(t *testing.T, token string) (string, mail.Code) {
	t.Helper()
	a, err := f.Verify(t.Context(), token)
	if err != nil {
		return "", mail.CodeOf(err)
	}
	return a.String(), -1
}

func TestVerify(t *testing.T) {
	f := verifier(t)
	for name, tc := range map[string]struct {
		claims map[string]any
		want   string
		code   mail.Code
	}{
		"good":              {nil, alice, -1},
		"several audiences": {map[string]any{"aud": []string{"wiki", sasltest.Audience}}, alice, -1},
		"not said verified": {map[string]any{"email_verified": nil}, alice, -1},
		"said in text":      {map[string]any{"email_verified": "true"}, alice, -1},
		"other case":        {map[string]any{"email": "Alice@EXAMPLE.test"}, "Alice@example.test", -1},
		"unverified":        {map[string]any{"email_verified": false}, "", mail.CodeBadCredentials},
		"unverified, text":  {map[string]any{"email_verified": "false"}, "", mail.CodeBadCredentials},
		"another audience":  {map[string]any{"aud": "wiki"}, "", mail.CodeBadCredentials},
		"no audience":       {map[string]any{"aud": nil}, "", mail.CodeBadCredentials},
		"another issuer":    {map[string]any{"iss": "https://evil.test"}, "", mail.CodeBadCredentials},
		"expired":           {map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}, "", mail.CodeExpired},
		"never expires":     {map[string]any{"exp": nil}, "", mail.CodeExpired},
		"not yet":           {map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}, "", mail.CodeBadCredentials},
		"no address":        {map[string]any{"email": nil}, "", mail.CodeBadCredentials},
		"no text":           {map[string]any{"email": 7}, "", mail.CodeBadCredentials},
		"two addresses":     {map[string]any{"email": "alice@example.test, bob@example.test"}, "", mail.CodeBadCredentials},
	} {
		if got, code := f.verify(t, f.at.Token(alice, tc.claims)); got != tc.want || code != tc.code {
			t.Errorf("%s: %q, code %d", name, got, code)
		}
	}
	// An expired token of another service was never good here.
	if _, code := f.verify(t, f.at.Token(alice, map[string]any{"aud": "wiki", "exp": 1})); code != mail.CodeBadCredentials {
		t.Errorf("expired, for another service: %d", code)
	}
	if f.at.Asked.Load() != 2 {
		t.Errorf("the issuer was asked %d times for its metadata and keys", f.at.Asked.Load())
	}
}

func TestAnotherClaim(t *testing.T) {
	f := verifier(t, func(c *oidc.Config) { c.Claim = "upn" })
	if got, code := f.verify(t, f.at.Token("x@elsewhere.test", map[string]any{"upn": alice, "email_verified": false})); got != alice {
		t.Errorf("%q, %d", got, code)
	}
	if _, code := f.verify(t, f.at.Token(alice, nil)); code != mail.CodeBadCredentials {
		t.Errorf("without the claim: %d", code)
	}
}

func TestForged(t *testing.T) {
	f, other := verifier(t), sasltest.NewIssuer(t)
	good := f.at.Token(alice, nil)
	head, rest, _ := strings.Cut(good, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	for name, token := range map[string]string{
		"of another issuer":     other.Token(alice, map[string]any{"iss": f.at.URL}),
		"signature of another":  head + "." + claims + "." + strings.SplitN(other.Token(alice, nil), ".", 3)[2],
		"no signature":          head + "." + claims + ".",
		"alg none":              "eyJhbGciOiJub25lIn0." + claims + ".",
		"alg none, with a rest": "eyJhbGciOiJub25lIn0." + claims + "." + signature,
		"HS256 with anything":   oidctest.SignIDToken([]byte("0123456789abcdef0123456789abcdef"), "abcd", "HS256", `{"iss":"`+f.at.URL+`","aud":"mail-programs","exp":9999999999,"email":"alice@example.test"}`),
		"no token":              "x",
		"empty":                 "",
		"large":                 strings.Repeat("A", 12<<10),
	} {
		if got, code := f.verify(t, token); got != "" || code != mail.CodeBadCredentials {
			t.Errorf("%s: %q, code %d", name, got, code)
		}
	}
	if got, _ := f.verify(t, good); got != alice {
		t.Error("the good one does not pass any more")
	}
}

func TestKeysAreAskedForSeldom(t *testing.T) {
	f := verifier(t)
	old := f.at.Token(alice, nil)
	f.verify(t, old)
	asked := f.at.Asked.Load()
	forged := sasltest.NewIssuer(t).Token(alice, map[string]any{"iss": f.at.URL})
	for range 50 {
		f.verify(t, forged) // a key id that nobody knows
	}
	if n := f.at.Asked.Load(); n != asked {
		t.Errorf("made-up keys had the issuer asked %d times within ten seconds", n-asked)
	}
	f.at.Rotate(t)
	f.time.pass(11 * time.Second)
	if got, code := f.verify(t, f.at.Token(alice, nil)); got != alice {
		t.Errorf("a new key is not found: %d", code)
	}
	if _, code := f.verify(t, old); code != mail.CodeBadCredentials {
		t.Errorf("a token of the withdrawn key: %d", code)
	}
}

func TestWithdrawnKeyEndsWithinTheHour(t *testing.T) {
	f := verifier(t)
	old := f.at.Token(alice, map[string]any{"exp": time.Now().Add(24 * time.Hour).Unix()})
	f.verify(t, old)
	f.at.Rotate(t)
	f.time.pass(time.Hour + time.Second)
	if _, code := f.verify(t, old); code != mail.CodeBadCredentials {
		t.Errorf("a token of a key that is gone for an hour: %d", code)
	}
}

func TestIssuerAway(t *testing.T) {
	for name, tc := range map[string]func(*sasltest.Issuer){
		"down":      func(i *sasltest.Issuer) { i.Down.Store(true) },
		"a webpage": func(i *sasltest.Issuer) { i.Garbage.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			f := verifier(t)
			token := f.at.Token(alice, map[string]any{"exp": time.Now().Add(24 * time.Hour).Unix()})
			tc(f.at)
			for range 20 {
				if got, code := f.verify(t, token); got != "" || code != mail.CodeUnavailable {
					t.Fatalf("%q, code %d", got, code)
				}
			}
			if f.at.Asked.Load() != 1 || strings.Count(f.logs.String(), "level=WARN") != 1 {
				t.Errorf("asked %d times, logged %s", f.at.Asked.Load(), f.logs)
			}
			heal(f.at)
			f.time.pass(11 * time.Second)
			if got, code := f.verify(t, token); got != alice {
				t.Fatalf("back: %q, %d", got, code)
			}
			tc(f.at)
			if got, _ := f.verify(t, token); got != alice {
				t.Error("keys at hand are not used")
			}
			f.at.Rotate(t)
			f.time.pass(11 * time.Second)
			if _, code := f.verify(t, f.at.Token(alice, nil)); code != mail.CodeUnavailable {
				t.Errorf("a token of a key that cannot be had: %d", code)
			}
			f.time.pass(time.Hour)
			if _, code := f.verify(t, token); code != mail.CodeUnavailable {
				t.Errorf("keys are believed beyond their hour: %d", code)
			}
		})
	}
}

func heal(i *sasltest.Issuer) {
	i.Down.Store(false)
	i.Garbage.Store(false)
}

// answers is a transport that says the same to everybody.
type answers struct {
	status int
	body   string
}

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &http.Response{StatusCode: a.status, Status: http.StatusText(a.status), Header: http.Header{"Content-Type": {"application/json"}},
		Body: http.NoBody, Request: r}
	w.Body = readCloser{strings.NewReader(a.body)}
	return w, nil
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

func TestUnusableIssuers(t *testing.T) {
	const url = "https://issuer.test"
	metadata := map[string]string{"issuer": `"` + url + `"`, "jwks_uri": `"https://issuer.test/keys"`,
		"id_token_signing_alg_values_supported": `["ES256"]`}
	object := func(key, value string) string {
		all := maps.Clone(metadata)
		all[key] = value
		var fields []string
		for k, v := range all {
			fields = append(fields, `"`+k+`":`+v)
		}
		return "{" + strings.Join(fields, ",") + "}"
	}
	f := verifier(t)
	token := f.at.Token(alice, map[string]any{"iss": url})
	for name, a := range map[string]answers{
		"of another name": {200, object("issuer", `"https://other.test"`)},
		"keys in plain":   {200, object("jwks_uri", `"http://issuer.test/keys"`)},
		"endless":         {200, object("x", `"`+strings.Repeat("x", 2<<20)+`"`)},
		"not found":       {404, "{}"},
	} {
		i := oidc.New(oidc.Config{Issuer: url, Audience: sasltest.Audience, Claim: "email", Transport: a})
		if _, err := i.Verify(t.Context(), token); mail.CodeOf(err) != mail.CodeUnavailable || strings.Contains(mail.TextOf(err), "issuer") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if f.Discovery() != f.at.URL+"/.well-known/openid-configuration" {
		t.Error(f.Discovery())
	}
}
