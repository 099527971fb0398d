package sasl

import (
	"errors"
	"testing"
)

var errWrong = errors.New("wrong")

func verify(login, password string) error {
	if login == "alice@example.test" && password == "s3cret" {
		return nil
	}
	return errWrong
}

func TestMechanisms(t *testing.T) {
	for _, tc := range []struct {
		mechanism string
		responses []string // "-" is none
		err       error
	}{
		{"PLAIN", []string{"\x00alice@example.test\x00s3cret"}, nil},
		{"PLAIN", []string{"-", "alice@example.test\x00alice@example.test\x00s3cret"}, nil},
		{"PLAIN", []string{"bob@example.test\x00alice@example.test\x00s3cret"}, ErrAuthzid},
		{"PLAIN", []string{"\x00alice@example.test\x00no"}, errWrong},
		{"PLAIN", []string{"alice@example.test\x00s3cret"}, ErrMalformed},
		{"PLAIN", []string{"\x00a\x00b\x00c"}, ErrMalformed},
		{"PLAIN", []string{""}, ErrMalformed},
		{"LOGIN", []string{"-", "alice@example.test", "s3cret"}, nil},
		{"LOGIN", []string{"alice@example.test", "s3cret"}, nil},
		{"LOGIN", []string{"-", "alice@example.test", ""}, errWrong},
		{"LOGIN", []string{"-", ""}, ErrMalformed},
	} {
		s := New(tc.mechanism, verify)
		var done bool
		var err error
		for _, r := range tc.responses {
			in := []byte(r)
			if r == "-" {
				in = nil
			}
			if _, done, err = s.Next(in); err != nil {
				break
			}
		}
		if !errors.Is(err, tc.err) || err == nil && !done {
			t.Errorf("%s %q: done %v, %v; want %v", tc.mechanism, tc.responses, done, err, tc.err)
		}
		if _, _, err := s.Next([]byte("more")); done && err == nil {
			t.Errorf("%s answers after its end", tc.mechanism)
		}
	}
	if New("CRAM-MD5", verify) != nil {
		t.Error("CRAM-MD5 is known")
	}
}
