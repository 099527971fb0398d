package sasltest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	goidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"
)

// Audience is what the issuer's tokens are for.
const Audience = "mail-programs"

// Issuer is an OpenID Connect issuer on TLS, with metadata and keys.
type Issuer struct {
	URL       string
	Transport http.RoundTripper // that trusts its certificate
	Asked     atomic.Int32      // requests
	Down      atomic.Bool       // answers 503
	Garbage   atomic.Bool       // answers a web page
	key       *ecdsa.PrivateKey
	server    *oidctest.Server
}

// NewIssuer starts one; it ends with the test.
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{server: &oidctest.Server{Algorithms: []string{goidc.ES256, "HS256", "none"}}}
	i.Rotate(t)
	s := httptest.NewTLSServer(http.HandlerFunc(i.serve))
	t.Cleanup(s.Close)
	i.server.SetIssuer(s.URL)
	i.URL, i.Transport = s.URL, s.Client().Transport
	return i
}

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.Asked.Add(1)
	switch {
	case i.Down.Load():
		http.Error(w, "down", http.StatusServiceUnavailable)
	case i.Garbage.Load():
		_, _ = w.Write([]byte("<html>log in to the hotel's network</html>"))
	default:
		i.server.ServeHTTP(w, r)
	}
}

// Rotate makes a new key the only one. Not while the issuer is being asked.
func (i *Issuer) Rotate(t testing.TB) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.key = key
	i.server.PublicKeys = []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: i.keyID(), Algorithm: goidc.ES256}}
}

func (i *Issuer) keyID() string {
	b, _ := i.key.PublicKey.Bytes()
	return string([]byte{"abcdefghijklmnop"[b[1]&15], "abcdefghijklmnop"[b[2]&15], "abcdefghijklmnop"[b[3]&15], "abcdefghijklmnop"[b[4]&15]})
}

// Token signs a token for an address that is good for an hour; change replaces
// claims, and removes those that are nil.
func (i *Issuer) Token(email string, change map[string]any) string {
	claims := map[string]any{"iss": i.URL, "aud": Audience, "sub": "42", "email": email, "email_verified": true,
		"exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return oidctest.SignIDToken(i.key, i.keyID(), goidc.ES256, string(text))
}
