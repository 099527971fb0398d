package view

import (
	"context"
	"errors"
	"testing"

	"postroom/internal/mail"
)

// Of the sessions that are told of an arrival one claims it, the others don't
// even ask; a claim that failed is made again.
func TestClaimOncePerNode(t *testing.T) {
	ctx, src := context.Background(), newFake()
	src.deliver(2)
	reg := NewRegistry(src)
	claim := func(v *View) mail.Recent {
		t.Helper()
		r, err := v.Claim(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	a, b := reg.Open(1, 2, src.state()), reg.Open(1, 2, src.state())
	if r := claim(a); r.UIDs != (mail.UIDRange{Lo: 1, Hi: 2}) || r.Messages != 2 {
		t.Errorf("the first gets %+v", r)
	}
	if r := claim(b); r.UIDs.Lo <= r.UIDs.Hi || src.claims != 1 {
		t.Errorf("the second gets %+v by %d claims", r, src.claims)
	}
	src.deliver(1)
	for _, v := range []*View{a, b} {
		if err := v.Sync(ctx); err != nil {
			t.Fatal(err)
		}
	}
	b.Flush(true)
	src.claimErr = errors.New("away")
	if _, err := b.Claim(ctx); err == nil {
		t.Error("the error is lost")
	}
	src.claimErr = nil
	if r := claim(a); r.UIDs.Lo <= r.UIDs.Hi {
		t.Errorf("a claims %+v, which it was not told", r)
	}
	if r := claim(b); r.UIDs != (mail.UIDRange{Lo: 3, Hi: 3}) {
		t.Errorf("after a failed claim: %+v", r)
	}
}

// The first unseen message is looked for shortly, then in the whole mailbox,
// and only once while nothing changes.
func TestFirstUnseen(t *testing.T) {
	ctx, src := context.Background(), newFake()
	src.deliver(9)
	reg := NewRegistry(src)
	check := func(want uint32, looks, loads int) {
		t.Helper()
		v := reg.Open(1, 2, src.state())
		defer v.Close()
		seq, err := v.FirstUnseen(ctx)
		if err != nil || seq != want || src.looks != looks || src.loads != loads {
			t.Errorf("got %d, want %d, %v; %d looks, %d loads", seq, want, err, src.looks, src.loads)
		}
	}
	check(1, 1, 0)
	check(1, 1, 0)
	src.flag(func(i int) bool { return i < 4 }, mail.FlagSeen)
	check(5, 2, 1)
	check(5, 2, 1)
	src.expunge(only(0))
	check(4, 3, 2)
}

func TestCount(t *testing.T) {
	ctx, src := context.Background(), newFake()
	src.deliver(9)
	src.expunge(only(4)) // UID 5
	v := NewRegistry(src).Open(1, 2, src.state())
	if _, ok := v.Count(nil); ok {
		t.Error("counted without a snapshot")
	}
	if err := v.Build(ctx); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		lo, hi mail.UID
		want   uint32
	}{{1, 9, 8}, {5, 5, 0}, {4, 6, 2}, {9, 99, 1}, {10, 99, 0}} {
		if n, _ := v.Count(mail.UIDSet{{Lo: c.lo, Hi: c.hi}}); n != c.want {
			t.Errorf("Count %d:%d = %d, want %d", c.lo, c.hi, n, c.want)
		}
	}
}
