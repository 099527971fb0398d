package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"postroom/internal/mail"
)

// The exchange of RFC 7677 §3, of user "user" with password "pencil".
const (
	vectorMessage = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0," +
		"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	vectorProof     = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	vectorSignature = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
	vectorSalt      = "W22ZaJ0SNY7soEsUEjb6gQ=="
)

func b64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// withPencil gives alice the password of the vector as an app password, among
// others.
func withPencil(t testing.TB, f *fixture) {
	t.Helper()
	fs := Factors{Salt: b64(t, vectorSalt), Iterations: 4096}
	for i, p := range []string{"crayon", "pencil", "ink"} {
		f.dir.creds = append(f.dir.creds, mail.CredentialRecord{ID: mail.CredentialID(10 + i), Account: 7, Kind: mail.CredentialApp, Scram: ScramKeys(p, fs)})
	}
	f.dir.creds[1].Scram = "" // the fixture's own has another salt
}

func (f *fixture) scram(login string, proof []byte) (Identity, []byte, mail.Code) {
	s, err := f.Scram(context.Background(), login, peer)
	if err != nil {
		return Identity{}, nil, mail.CodeOf(err)
	}
	id, signature, err := s.Finish(context.Background(), []byte(vectorMessage), proof)
	if err != nil {
		return id, signature, mail.CodeOf(err)
	}
	return id, signature, -1
}

func TestScramVector(t *testing.T) {
	f := newFixture(t)
	withPencil(t, f)
	id, signature, code := f.scram("alice@example.test", b64(t, vectorProof))
	if code != -1 || id.Account != 7 || id.Credential != 11 || id.ChangeSeq != 3 || id.Login != "alice@example.test" {
		t.Errorf("%+v, code %d", id, code)
	}
	if !bytes.Equal(signature, b64(t, vectorSignature)) {
		t.Errorf("ServerSignature %x", signature)
	}
	if len(f.dir.touched) != 1 || f.dir.touched[0] != 11 {
		t.Errorf("uses noted: %v", f.dir.touched)
	}
	wrong := b64(t, vectorProof)
	wrong[31] ^= 1
	for name, proof := range map[string][]byte{"wrong": wrong, "short": wrong[:31], "none": nil} {
		if id, signature, code := f.scram("alice@example.test", proof); code != mail.CodeBadCredentials || signature != nil || id.Account != 0 {
			t.Errorf("%s: %+v %x, code %d", name, id, signature, code)
		}
	}
}

func TestScramWithChosenPasswords(t *testing.T) {
	f := newFixture(t)
	f.dir.creds[1].Scram = ""
	f.dir.creds[0].Scram = ScramKeys("pencil", Factors{Salt: b64(t, vectorSalt), Iterations: 4096})
	if _, _, code := f.scram("alice@example.test", b64(t, vectorProof)); code != mail.CodeBadCredentials {
		t.Errorf("keys of a chosen password were used: %d", code)
	}
	f.forChosen = true
	if id, _, code := f.scram("alice@example.test", b64(t, vectorProof)); code != -1 || id.Credential != 1 {
		t.Errorf("%+v, code %d", id, code)
	}
}

func TestScramGuessesWait(t *testing.T) {
	f := newFixture(t)
	withPencil(t, f)
	var throttled int
	for range 40 {
		if _, _, code := f.scram("alice@example.test", make([]byte, 32)); code == mail.CodeThrottled {
			throttled++
		}
	}
	if len(f.slept) < 3 || throttled == 0 {
		t.Errorf("waited %v, %d turned away", f.slept, throttled)
	}
	if _, _, code := f.scram("alice@example.test", b64(t, vectorProof)); code != mail.CodeThrottled {
		t.Errorf("the right proof passes the throttle: %d", code)
	}
	if _, code := f.login("alice@example.test", f.app); code != mail.CodeThrottled {
		t.Errorf("guesses by SCRAM leave PLAIN free: %d", code)
	}
}

// Exchanges that begin before any has failed are held back at their proofs.
func TestScramGuessesBegunTogetherWait(t *testing.T) {
	f := newFixture(t)
	withPencil(t, f)
	var begun []*Scram
	for range 40 {
		s, err := f.Scram(context.Background(), "alice@example.test", peer)
		if err != nil {
			t.Fatal(err)
		}
		begun = append(begun, s)
	}
	var throttled int
	for _, s := range begun {
		if _, _, err := s.Finish(context.Background(), []byte(vectorMessage), make([]byte, 32)); mail.Is(err, mail.CodeThrottled) {
			throttled++
		}
	}
	if len(f.slept) < 3 || throttled == 0 {
		t.Errorf("waited %v, %d turned away", f.slept, throttled)
	}
}

// What a stranger sees of a name does not tell whether it is there, on any
// node, nor change when its first key is made.
func TestScramHidesWhoExists(t *testing.T) {
	f, g := newFixture(t), newFixture(t)
	f.dir.creds, g.dir.creds = f.dir.creds[:1], g.dir.creds[:1] // no keys
	at := func(f *fixture, login string) Factors {
		s, err := f.Scram(context.Background(), login, peer)
		if err != nil {
			t.Fatal(err)
		}
		return s.Factors
	}
	seen := map[string]string{}
	for _, login := range []string{"alice@example.test", "bob@example.test", "a.lias@example.test", "no address", "other"} {
		a := at(f, login)
		if len(a.Salt) != saltSize || a.Iterations != scramIterations {
			t.Errorf("%s: %+v", login, a)
		}
		if b := at(g, strings.ToUpper(login[:1])+login[1:]); strings.Contains(login, "@") && !a.equal(b) {
			t.Errorf("%s has another salt on another node", login)
		}
		if other := seen[string(a.Salt)]; other != "" {
			t.Errorf("%s and %s share a salt", login, other)
		}
		seen[string(a.Salt)] = login
	}
	before := at(f, "alice@example.test")
	secret, _ := f.dir.ScramSecret(context.Background())
	first := NewFactors(secret, f.dir.account.Address, f.dir.creds)
	_, _, _, keys := NewAppPassword(first)
	f.dir.creds = append(f.dir.creds, mail.CredentialRecord{ID: 3, Kind: mail.CredentialApp, Scram: keys})
	if !before.equal(at(f, "alice@example.test")) {
		t.Error("the first key changes the salt")
	}
	renamed := f.dir.account.Address
	renamed.Local = "alice.new"
	if !NewFactors(secret, renamed, f.dir.creds).equal(first) {
		t.Error("a key made after a change of address has a salt of its own")
	}
	_, _, known := f.scram("alice@example.test", make([]byte, 32))
	_, _, unknown := f.scram("bob@example.test", make([]byte, 32))
	if known != unknown || known != mail.CodeBadCredentials {
		t.Errorf("answers differ: %d, %d", known, unknown)
	}
}

func TestScramUnavailable(t *testing.T) {
	f := newFixture(t)
	withPencil(t, f)
	s, err := f.Scram(context.Background(), "alice@example.test", netip.MustParseAddr("192.0.2.8"))
	if err != nil {
		t.Fatal(err)
	}
	f.dir.fail = errors.New("connection refused")
	if _, _, err := s.Finish(context.Background(), []byte(vectorMessage), b64(t, vectorProof)); mail.CodeOf(err) != mail.CodeUnavailable {
		t.Errorf("at the proof: %v", err)
	}
	if _, _, code := f.scram("alice@example.test", b64(t, vectorProof)); code != mail.CodeUnavailable {
		t.Errorf("at the name: %d", code)
	}
}

func TestScramKeys(t *testing.T) {
	fs := Factors{Salt: b64(t, vectorSalt), Iterations: 4096}
	// SASLprep: a client may send U+00AA, which stands for "a", and soft hyphens.
	if ScramKeys("\u00aab\u00adc", fs) != ScramKeys("abc", fs) {
		t.Error("passwords that are one to SASLprep have different keys")
	}
	if k := ScramKeys("a\u0007", fs); k != "" {
		t.Errorf("a password that no client can use has keys: %s", k)
	}
	for _, s := range []string{"", "4096:AAAA:AAAA", "4096:AAAA:AAAA:AAAA", "0:AAAA:" + strings.Repeat("A", 43) + "=:" + strings.Repeat("A", 43) + "=", "x:y:z:w"} {
		if _, err := parseKeys(s); err == nil {
			t.Errorf("%q was read", s)
		}
	}
}
