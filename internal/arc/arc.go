// Package arc validates the Authenticated Received Chain of a message and adds
// to it (RFC 8617). Both a= that DKIM has are verified: RFC 8617 takes its
// signatures from RFC 6376, which RFC 8463 gives Ed25519. Since a set holds one
// signature only (§4.2.1), and whoever does not know Ed25519 must call such a
// chain failed, RSA is the key to seal with.
package arc

import (
	"context"
	"time"

	"postroom/internal/dkim/canon"
	"postroom/internal/dkim/sig"
	"postroom/internal/message"
)

// MaxInstance is the largest instance of a set (RFC 8617 §4.2.1).
const MaxInstance = 50

// Result is the state of a message's chain (RFC 8617 §4.4).
type Result struct {
	Status sig.Status // None, Pass or Fail
	Reason string     // why it failed: short, printable ASCII, nothing of the sender's

	// Temporary says that a key look-up failed for now. The chain has failed
	// all the same (§5.2.1); whoever can wait may validate again before
	// anything is decided by it.
	Temporary bool

	Instances  int   // of the newest set; 0 without a chain, or when it cannot be told
	OldestPass int   // of a Pass: header.oldest-pass (§5.2 step 5), 0 when every AMS verifies
	Sets       []Set // of a Pass, oldest first
}

// Set is one ARC Set of a chain that passed.
type Set struct {
	Seal, Signature Signer // of ARC-Seal and ARC-Message-Signature
	AuthResults     string // what ARC-Authentication-Results says behind its instance, unfolded
}

// Signer is the d= and s= of a field, in A-labels and lower case.
type Signer struct{ Domain, Selector string }

// Validator validates the chain of one message.
type Validator struct {
	header *canon.Header
	bodies *canon.Bodies
	now    time.Time
	sets   []*set // oldest first
	top    int
	bad    *sig.Failure
}

// New finds the chain of a header, its empty line included or not, and asks
// bodies for the hashes it needs: make it before the body is written to
// bodies. The header must not change until Finish. now decides about t= and x=
// of the message signatures.
func New(header []byte, bodies *canon.Bodies, now time.Time) *Validator {
	v := &Validator{bodies: bodies, now: now}
	v.header = canon.NewHeader(header)
	if len(header) > message.MaxHeader {
		if present(v.header) {
			v.bad = sig.NewFailure(sig.Fail, "header too large")
		}
		return v
	}
	if v.sets, v.top, v.bad = collect(v.header); v.bad != nil {
		return v
	}
	for _, s := range v.sets {
		s.ams.open(now)
		if s.ams.bad == nil {
			bodies.Want(s.ams.Body, s.ams.Limit)
		}
	}
	return v
}

// Finish is called when the body has been written. It looks keys up until ctx
// ends: that of the newest message signature first and, only when that is
// good, all others at once.
func (v *Validator) Finish(ctx context.Context, r sig.Resolver) Result {
	out := Result{Status: sig.None, Instances: v.top}
	if v.bad == nil && len(v.sets) == 0 {
		return out
	}
	bad := v.bad
	if bad == nil {
		out.OldestPass, bad = v.validate(ctx, r)
	}
	if bad != nil {
		// RFC 8617 §5.2.1: all failures are permanent.
		out.Status, out.Reason, out.Temporary = sig.Fail, bad.Reason, bad.Status == sig.TempError
		return out
	}
	out.Status = sig.Pass
	for _, s := range v.sets {
		out.Sets = append(out.Sets, Set{Seal: s.as.signer(), Signature: s.ams.signer(), AuthResults: s.results})
	}
	return out
}
