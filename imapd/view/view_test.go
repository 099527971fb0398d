package view

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"postroom/internal/mail"
)

func open(t *testing.T, src *fakeSource, reg *Registry, build bool) *View {
	t.Helper()
	v := reg.Open(1, 1, src.state())
	if build {
		if err := v.Build(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func sync1(t *testing.T, v *View) {
	t.Helper()
	if err := v.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestHeldBackExpungeKeepsNumbers(t *testing.T) {
	src := newFake()
	src.deliver(3)
	reg := NewRegistry(src)
	v := open(t, src, reg, true)
	at := v.ModSeq()
	src.expunge(only(1))
	src.deliver(1)
	sync1(t, v)
	if got := fmt.Sprint(v.Flush(false)); got != "[{1 4 {0 0 0 []}}]" {
		t.Errorf("quiet flush gives %s", got)
	}
	if uid, _ := v.UID(3); uid != 3 || !v.Gone(2) || v.ModSeq() != at {
		t.Errorf("number 3 is UID %d, gone %v, modseq %d", uid, v.Gone(2), v.ModSeq())
	}
	u := v.Flush(true)
	if len(u) != 1 || u[0].Kind != Expunged || u[0].Seq != 2 || v.ModSeq() != src.modseq {
		t.Errorf("flush gives %v", u)
	}
}

func TestArrivalsNeedNoSnapshot(t *testing.T) {
	src := newFake()
	src.deliver(5)
	v := open(t, src, NewRegistry(src), false)
	src.deliver(2)
	sync1(t, v)
	if u := v.Flush(true); len(u) != 1 || u[0].Kind != Exists || u[0].Seq != 7 {
		t.Errorf("got %v", u)
	}
	if src.loads != 0 {
		t.Errorf("%d loads for an EXISTS", src.loads)
	}
}

func TestViewBelowFloorEndsWhenCountsDiffer(t *testing.T) {
	src := newFake()
	src.deliver(5)
	v := open(t, src, NewRegistry(src), false)
	src.expunge(only(2))
	src.floor = src.modseq // the restore window was purged
	if err := v.Sync(context.Background()); !mail.Is(err, mail.CodeExpired) {
		t.Errorf("got %v", err)
	}
}

func TestBuiltViewSurvivesPurge(t *testing.T) {
	src := newFake()
	src.deliver(5)
	v := open(t, src, NewRegistry(src), true)
	src.expunge(only(2))
	src.floor = src.modseq
	sync1(t, v)
	if u := v.Flush(true); len(u) != 1 || u[0].Seq != 3 {
		t.Errorf("got %v", u)
	}
}

func TestSequenceSets(t *testing.T) {
	src := newFake()
	src.deliver(6)
	src.expunge(only(2)) // UIDs 1 2 4 5 6
	v := open(t, src, NewRegistry(src), true)
	for _, c := range []struct {
		set  []SeqRange
		want string
		ok   bool
	}{
		{[]SeqRange{{1, 0}}, "1:6", true},
		{[]SeqRange{{0, 0}}, "6", true},
		{[]SeqRange{{3, 2}, {5, 5}}, "2:4,6", true},
		{[]SeqRange{{6, 6}}, "", false},
		{[]SeqRange{{3, 4294967295}}, "", false},
	} {
		got, ok := v.UIDs(c.set)
		if ok != c.ok || ok && got.String() != c.want {
			t.Errorf("%v gives %s %v, want %s", c.set, got, ok, c.want)
		}
	}
	if got := v.Clip(mail.UIDSet{{Lo: 5, Hi: 4294967295}}).String(); got != "5:6" {
		t.Error(got)
	}
	var seqs []uint32
	for seq := range v.All(mail.UIDSet{{Lo: 2, Hi: 5}}) {
		seqs = append(seqs, seq)
	}
	if !slices.Equal(seqs, []uint32{2, 3, 4}) {
		t.Error(seqs)
	}
}

func TestEmptyMailboxHasNoNumbers(t *testing.T) {
	src := newFake()
	v := open(t, src, NewRegistry(src), true)
	if _, ok := v.UIDs([]SeqRange{{1, 0}}); ok || v.MaxUID() != 0 || len(v.Clip(mail.UIDSet{{Lo: 1, Hi: 9}})) != 0 {
		t.Error("an empty mailbox has a message")
	}
}

func TestKeywordTableDoesNotGrowForEver(t *testing.T) {
	src := newFake()
	src.deliver(3)
	v := open(t, src, NewRegistry(src), true)
	for i := range 10000 {
		src.flag(only(0), 0, int16(i%500), int16(500+i/500))
		sync1(t, v)
		v.Flush(true)
	}
	if n := v.newest.words.len(); n > 5000 {
		t.Errorf("%d keyword sets for three messages", n)
	}
	if m, _ := v.Row(1); !slices.Equal(m.Keywords, []int16{499, 519}) {
		t.Errorf("keywords %v", m.Keywords)
	}
}

func TestConcurrentSessionsAgree(t *testing.T) {
	src := newFake()
	src.deliver(1000)
	reg := NewRegistry(src)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			v := reg.Open(1, 1, mustState(src))
			defer v.Close()
			for i := range 200 {
				switch (i + g) % 5 {
				case 0:
					src.deliver(1)
				case 1:
					src.expunge(only(i * 3))
				case 2:
					v.Told(src.flag(only(i*2), mail.FlagSeen, int16(g)))
				}
				if err := v.Sync(context.Background()); err != nil {
					t.Error(err)
					return
				}
				v.Flush(i%3 == 0)
			}
			if err := v.Sync(context.Background()); err != nil {
				t.Error(err)
			}
			v.Flush(true)
			prev := mail.UID(0)
			for i := range v.Messages() {
				if uid, _ := v.UID(i + 1); v.built() && uid <= prev {
					t.Errorf("UIDs do not ascend at %d", i)
				} else {
					prev = uid
				}
			}
		})
	}
	wg.Wait()
	if len(reg.all) != 0 {
		t.Error("registry is not empty")
	}
}

func mustState(src *fakeSource) mail.MailboxState {
	src.mu.Lock()
	defer src.mu.Unlock()
	return src.state()
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestMemory(t *testing.T) {
	const n = 100_000
	src := newFake()
	src.deliver(n)
	reg := NewRegistry(src)
	before := heap()
	v := open(t, src, reg, true)
	if per := float64(heap()-before) / n; per > 20 {
		t.Errorf("%.1f octets per message", per)
	} else {
		t.Logf("%.1f octets per message", per)
	}
	idle := make([]*View, 10_000)
	before = heap()
	for i := range idle {
		idle[i] = reg.Open(mail.AccountID(i+2), 1, mail.MailboxState{Messages: 20000, HighestModSeq: 7, UIDNext: 20001})
	}
	if per := float64(heap()-before) / float64(len(idle)); per > 600 {
		t.Errorf("%.0f octets per idle view", per)
	} else {
		t.Logf("%.0f octets per idle view", per)
	}
	runtime.KeepAlive(idle)
	runtime.KeepAlive(v)
}

func TestAsOfTellsWhatTheClientKnew(t *testing.T) {
	src := newFake()
	src.deliver(3)
	v := open(t, src, NewRegistry(src), true)
	late := open(t, src, NewRegistry(src), false) // on another node: no snapshot is there
	at := src.modseq
	src.flag(only(1), mail.FlagSeen)
	sync1(t, v)
	if m, ok := v.AsOf(2, at); !ok || m.Flags != 0 {
		t.Errorf("before the change: %v %v", m, ok)
	}
	if err := late.Build(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, ok := late.AsOf(2, at); ok {
		t.Error("a view that came after the change knows the flags before it")
	}
	if _, ok := late.AsOf(1, at); !ok {
		t.Error("what did not change is not known")
	}
	v.Flush(true)
	late.Flush(true)
	for _, v := range []*View{v, late} {
		if _, ok := v.AsOf(2, at); ok {
			t.Error("the flags before those last told are known")
		}
		if m, ok := v.AsOf(2, src.modseq); !ok || m.Flags != mail.FlagSeen {
			t.Errorf("as told: %v %v", m, ok)
		}
		if _, ok := v.AsOf(1, src.modseq+1); ok {
			t.Error("the future is known")
		}
	}
}
