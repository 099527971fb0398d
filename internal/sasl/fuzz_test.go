package sasl

import (
	"bytes"
	"testing"
)

// FuzzClientFirst: what was read is made of what was sent, and no octet of it
// is lost to the hashes.
func FuzzClientFirst(f *testing.F) {
	for _, s := range []string{"n,,n=user,r=x", "y,a=a=2Cb,n=a=3D,r=x,e=1", "p=tls-exporter,,n=u,r=x", "n,,m=1,n=u,r=x", ",,,,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := parseClientFirst(s)
		if err == nil && (m.header+m.bare != s || m.name == "" || !printable(m.nonce)) {
			t.Errorf("%q: %+v", s, m)
		}
		x := Begin("SCRAM-SHA-256", Conn{}, &vector{}, nil)
		if challenge, done, err := x.Next(t.Context(), []byte(s)); done || (err == nil) == (len(challenge) == 0) {
			t.Errorf("%q: %q, %v, %v", s, challenge, done, err)
		}
	})
}

// FuzzClientFinal: no message logs in but one with the right proof.
func FuzzClientFinal(f *testing.F) {
	const proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	for _, s := range []string{"c=biws,r=" + vectorNonce + ",p=" + proof, "c=,r=x,p=", "c=biws,r=x,e=1,p=AAAA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := parseClientFinal(s)
		if err == nil && (len(m.withoutProof) >= len(s) || s[:len(m.withoutProof)] != m.withoutProof) {
			t.Errorf("%q: %+v", s, m)
		}
		x := beginVector(&vector{})
		if _, _, err := x.Next(t.Context(), []byte("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")); err != nil {
			t.Fatal(err)
		}
		if _, _, err = x.Next(t.Context(), []byte(s)); err == nil && !bytes.HasSuffix([]byte(s), []byte(",p="+proof)) {
			t.Errorf("%q logs in", s)
		}
	})
}

func FuzzBearer(f *testing.F) {
	f.Add([]byte("n,a=user@example.com,\x01host=x\x01auth=Bearer good\x01\x01"))
	f.Add([]byte("\x01"))
	f.Fuzz(func(t *testing.T, b []byte) { fuzzToken(t, "OAUTHBEARER", b) })
}

func FuzzXOAuth2(f *testing.F) {
	f.Add([]byte("user=u@example.com\x01auth=Bearer good\x01\x01"))
	f.Add([]byte("user=\x01auth=\x01\x01"))
	f.Fuzz(func(t *testing.T, b []byte) { fuzzToken(t, "XOAUTH2", b) })
}

// fuzzToken: only a message that holds the token as it is logs in.
func fuzzToken(t *testing.T, mechanism string, b []byte) {
	x := Begin(mechanism, inTLS(""), &issuer{err: ErrAuthzid}, nil)
	challenge, done, err := x.Next(t.Context(), b)
	if done && !bytes.Contains(b, []byte(" good")) {
		t.Errorf("%q logs in", b)
	}
	if err == nil && !done && (len(challenge) == 0 || challenge[0] != '{') {
		t.Errorf("%q: %q", b, challenge)
	}
}
