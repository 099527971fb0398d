// Package dkim verifies DKIM-Signature fields (RFC 6376, 8301, 8463): one
// Result per signature, with what an Authentication-Results field says about
// it (RFC 8601 §2.7.1). It does no I/O but key look-ups through the Resolver
// it is given, and a signature that cannot be checked is never a pass.
package dkim

import (
	"context"
	"strings"
	"time"

	"postroom/internal/dkim/canon"
	"postroom/internal/dkim/sig"
	"postroom/internal/message"
)

// MaxSignatures is how many signatures of a message are looked at, from the
// top (RFC 6376 §6.1 allows a limit).
const MaxSignatures = 8

// Result is what became of one signature. What the signature says of itself
// is given as far as it could be read, whatever the Status; only Pass makes it
// true.
type Result struct {
	Status sig.Status
	Reason string // why it is no pass: short, printable ASCII, nothing of the sender's

	Domain    string // d=, A-labels, lower case
	Identity  string // i=: local part, or nothing, @ and domain in A-labels; UTF-8 without control characters
	Selector  string // s=, A-labels, lower case
	Algorithm string // a=, one that is known; else empty
	B         string // b=, as far as it is base64: its beginning tells signatures of a domain apart

	Testing  bool  // the key says t=y: a failure is Neutral (RFC 6376 §3.6.1)
	Strict   bool  // the key says t=s: the domain of i= must be that of d=
	Unsigned int64 // octets of the canonical body that l= leaves out: never a Pass when there are some
}

// Verifier checks the signatures of one message.
type Verifier struct {
	header *canon.Header
	bodies *canon.Bodies
	now    time.Time
	sigs   []*signature
}

// New finds the signatures of a header, its empty line included or not, and
// asks bodies for the hashes they need: make every Verifier of a message before
// its body is written to bodies. The header must not change until Finish.
// A header of more than message.MaxHeader octets is not looked into: its
// signatures are Policy. now decides about t= and x=.
func New(header []byte, bodies *canon.Bodies, now time.Time) *Verifier {
	v := &Verifier{bodies: bodies, now: now}
	for f := range message.Fields(header) {
		if len(v.sigs) < MaxSignatures && strings.EqualFold(string(f.Name), "DKIM-Signature") {
			v.sigs = append(v.sigs, v.open(f, len(header)))
		}
	}
	if len(v.sigs) > 0 {
		v.header = canon.NewHeader(header)
	}
	return v
}

func (v *Verifier) open(f message.Field, size int) *signature {
	if size > message.MaxHeader {
		return &signature{bad: sig.NewFailure(sig.Policy, "header too large")}
	}
	s := read(f, v.now)
	if s.bad == nil {
		v.bodies.Want(s.Body, s.Limit)
	}
	return s
}

// Finish is called when the body has been written. It looks the keys up, all
// at once and until ctx ends, and gives a Result per signature from the top;
// none means Status sig.None for the message.
func (v *Verifier) Finish(ctx context.Context, r sig.Resolver) []Result {
	var names []string
	for _, s := range v.sigs {
		if s.bad == nil {
			names = append(names, s.KeyName())
		}
	}
	keys := sig.Keys{}
	keys.Fetch(ctx, r, names)
	var out []Result
	for _, s := range v.sigs {
		out = append(out, v.result(s, keys))
	}
	return out
}
