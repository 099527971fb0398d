package sasl

import (
	"context"
	"encoding/base64"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"postroom/internal/auth"
	"postroom/internal/mail"
)

// vector is an Authenticator that knows the user of RFC 7677 §3.
type vector struct {
	Authenticator
	message string // the AuthMessage it was given
}

const vectorNonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"

func (*vector) OffersScram() bool { return true }

func (v *vector) TokenDiscovery() string { return "" }

func (v *vector) Scram(context.Context, string, netip.Addr) (*auth.Scram, error) {
	salt, _ := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	return &auth.Scram{Factors: auth.Factors{Salt: salt, Iterations: 4096},
		Finish: func(_ context.Context, message, proof []byte) (auth.Identity, []byte, error) {
			v.message = string(message)
			if base64.StdEncoding.EncodeToString(proof) != "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=" {
				return auth.Identity{}, nil, mail.Errorf(mail.CodeBadCredentials, "no")
			}
			signature, _ := base64.StdEncoding.DecodeString("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
			return auth.Identity{Account: 7}, signature, nil
		}}, nil
}

func beginVector(v *vector) *Exchange {
	x := Begin("SCRAM-SHA-256", Conn{}, v, nil)
	x.nonce = func() string { return strings.TrimPrefix(vectorNonce, "rOprNGfwEbeRWgbNEkqO") }
	return x
}

func TestScramVector(t *testing.T) {
	v := &vector{}
	x := beginVector(v)
	for _, step := range [][2]string{
		{"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", "r=" + vectorNonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"},
		{"c=biws,r=" + vectorNonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
	} {
		challenge, done, err := x.Next(t.Context(), []byte(step[0]))
		if err != nil || done || string(challenge) != step[1] {
			t.Fatalf("%s: %q, %v, %v", step[0], challenge, done, err)
		}
	}
	want := "n=user,r=rOprNGfwEbeRWgbNEkqO,r=" + vectorNonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=" + vectorNonce
	if v.message != want {
		t.Errorf("AuthMessage %s", v.message)
	}
	if _, done, err := x.Next(t.Context(), []byte{}); !done || err != nil || x.Identity().Account != 7 {
		t.Errorf("at the end: %v, %v", done, err)
	}
	if _, _, err := x.Next(t.Context(), []byte{}); err == nil {
		t.Error("the exchange answers after its end")
	}
}

func TestScramFirst(t *testing.T) {
	for in, want := range map[string]error{
		"n,,n=user,r=x":                     nil,
		"y,,n=user,r=x":                     nil, // no TLS: nothing to bind to
		"n,a=user,n=user,r=x":               nil,
		"n,,n=user,r=x,e=1,z==":             nil, // unknown extensions
		"n,,n=a=2Cb=3Dc,r=x":                nil,
		"n,a=other,n=user,r=x":              ErrAuthzid,
		"p=tls-exporter,,n=user,r=x":        errBinding,
		"p=,,n=user,r=x":                    ErrMalformed,
		"x,,n=user,r=x":                     ErrMalformed,
		"n,,m=ext,n=user,r=x":               ErrMalformed, // mandatory extension
		"n,,n=user,r=x,m=ext":               ErrMalformed,
		"n,,n=,r=x":                         ErrMalformed,
		"n,,n=user,r=":                      ErrMalformed,
		"n,,n=user,r=\u00e9":                ErrMalformed,
		"n,,n=user":                         ErrMalformed,
		"n,,r=x,n=user":                     ErrMalformed,
		"n,,n=a=b,r=x":                      ErrMalformed,
		"n,,n=a=2c,r=x":                     ErrMalformed,
		"n,,n=a\x00,r=x":                    ErrMalformed,
		"n,,n=\u00ad,r=x":                   ErrMalformed, // SASLprep leaves nothing
		"n,,n=a\u0007,r=x":                  ErrMalformed, // … or refuses it
		"n,,n=\xff,r=x":                     ErrMalformed,
		"n,,n=user,r=x,1=2":                 ErrMalformed,
		"n,,n=" + strings.Repeat("x", 5000): ErrMalformed,
		"":                                  ErrMalformed,
	} {
		var refused error
		x := Begin("SCRAM-SHA-256", Conn{}, &vector{}, func(_ string, err error) { refused = err })
		_, done, err := x.Next(t.Context(), []byte(in))
		if !errors.Is(err, want) || done || !errors.Is(refused, want) {
			t.Errorf("%q: %v, refused %v; want %v", in, err, refused, want)
		}
	}
}

func TestScramFinal(t *testing.T) {
	const proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	for in, want := range map[string]error{
		"c=biws,r=" + vectorNonce + ",p=" + proof:          nil,
		"c=biws,r=" + vectorNonce + ",x=1,p=" + proof:      nil,
		"c=eSws,r=" + vectorNonce + ",p=" + proof:          errBinding, // "y,,"
		"c=bixhPWIs,r=" + vectorNonce + ",p=" + proof:      errBinding, // "n,a=b,"
		"c=biwsAAAA,r=" + vectorNonce + ",p=" + proof:      errBinding, // data that nobody asked for
		"c=biws,r=" + vectorNonce + "x,p=" + proof:         ErrMalformed,
		"c=biws,r=rOprNGfwEbeRWgbNEkqO,p=" + proof:         ErrMalformed,
		"c=biws,r=" + vectorNonce + ",m=1,p=" + proof:      ErrMalformed,
		"c=biws,r=" + vectorNonce + ",p=" + proof[:43]:     ErrMalformed,
		"c=biws,r=" + vectorNonce + ",p=" + proof + "\r\n": ErrMalformed,
		"c=biws,r=" + vectorNonce:                          ErrMalformed,
		"c=,r=" + vectorNonce + ",p=" + proof:              errBinding,
		"r=" + vectorNonce + ",c=biws,p=" + proof:          ErrMalformed,
		"c=biws,r=" + vectorNonce + ",p=" + proof + ",x=1": ErrMalformed,
		"": ErrMalformed,
	} {
		x := beginVector(&vector{})
		if _, _, err := x.Next(t.Context(), []byte("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")); err != nil {
			t.Fatal(err)
		}
		challenge, done, err := x.Next(t.Context(), []byte(in))
		if !errors.Is(err, want) || done || (err == nil) != strings.HasPrefix(string(challenge), "v=") {
			t.Errorf("%q: %q, %v; want %v", in, challenge, err, want)
		}
		if x.Identity().Account != 0 && err != nil {
			t.Errorf("%q: an identity without proof", in)
		}
	}
}

// The server's part of the nonce is new each time, so no exchange can be
// replayed.
func TestScramNonces(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		x := Begin("SCRAM-SHA-256", Conn{}, &vector{}, nil)
		challenge, _, err := x.Next(t.Context(), []byte("n,,n=user,r=x"))
		first, _, _ := strings.Cut(string(challenge), ",")
		if err != nil || seen[first] || len(first) < len("r=x")+20 || !printable(first[2:]) {
			t.Fatalf("%q, %v", challenge, err)
		}
		seen[first] = true
	}
}
