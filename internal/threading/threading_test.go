package threading

import (
	"fmt"
	"strings"
	"testing"
)

// text writes a forest as THREAD does, a node's children always in brackets of
// their own.
func text(f *Forest) string {
	var b strings.Builder
	var one func(n int32)
	one = func(n int32) {
		b.WriteByte('(')
		if number, ok := f.Number(n); ok {
			fmt.Fprint(&b, number)
		}
		for c := range f.Children(n) {
			one(c)
		}
		b.WriteByte(')')
	}
	for _, n := range f.Roots {
		one(n)
	}
	return b.String()
}

// msg gives a message sent at its number: "id < references | subject", where a
// subject that begins with "re " makes it a reply.
func msg(number uint32, s string) *Message {
	head, subject, _ := strings.Cut(s, "|")
	id, refs, _ := strings.Cut(head, "<")
	m := &Message{Number: number, Sent: int64(number), ID: strings.TrimSpace(id), References: strings.Fields(refs)}
	subject, m.Reply = strings.CutPrefix(strings.TrimSpace(subject), "re ")
	m.Subject = []byte(subject)
	return m
}

func TestReferences(t *testing.T) {
	for _, c := range []struct {
		name     string
		messages []string
		want     string
	}{
		{"none", nil, ""},
		{"a chain", []string{"a", "b<a", "c<a b", "d<c"}, "(1(2(3(4))))"},
		{"children before parents", []string{"c<a b", "b<a", "a"}, "(3(2(1)))"},
		{"a missing parent of two", []string{"b<a", "c<a"}, "((1)(2))"},
		{"a missing parent of one", []string{"b<a"}, "(1)"},
		{"missing ones between", []string{"a", "d<a b c", "e<a b"}, "(1(2)(3))"},
		{"missing ones at the top", []string{"c<a b", "e<a d", "f"}, "((1)(2))(3)"},
		{"a loop", []string{"a<b", "b<a"}, "(2(1))"},
		{"itself", []string{"a<a", "b<b a"}, "(2(1))"},
		{"the same id twice", []string{"a", "a", "b<a"}, "(1(3))(2)"},
		{"no id", []string{"<a", "", "a"}, "(2)(3(1))"},
		{"its own header counts most", []string{"x<a b c", "c<d", "a", "b<a", "d"}, "(3(4))(5(2(1)))"},
		{"one subject", []string{"a|x", "b|re x", "c|re x"}, "(1(2)(3))"},
		{"the original comes later", []string{"a|re x", "b|x"}, "(2(1))"},
		{"no original", []string{"a|re x", "b|re x"}, "((1)(2))"},
		{"two originals", []string{"a|x", "b|x", "c|x"}, "((1)(2)(3))"},
		{"missing parents of one subject", []string{"b<a|x", "c<a|x", "e<d|x", "f<d|x"}, "((1)(2)(3)(4))"},
		{"no subject joins nothing", []string{"a|", "b|re "}, "(1)(2)"},
	} {
		r := NewReferences()
		for i, s := range c.messages {
			r.Add(msg(uint32(i+1), s))
		}
		if got := text(r.Forest()); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestOrderedSubject(t *testing.T) {
	o := NewOrderedSubject()
	for i, s := range []string{"|b", "|a", "|b", "|", "|a", "|b", "|"} {
		m := msg(uint32(i+1), s)
		if i == 4 {
			m.Sent = 0 // message 5 is the earliest of all
		}
		o.Add(m)
	}
	if got, want := text(o.Forest()), "(5(2))(1(3)(6))(4(7))"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// However senders refer to one another, the search for loops is bounded; where
// they do as mail programs do, it costs nothing.
func TestSearchForLoopsIsBounded(t *testing.T) {
	const n = 30_000
	id := func(i int) string { return fmt.Sprintf("m%d", i) }
	for name, c := range map[string]struct {
		steps int
		refs  func(i int) []string
	}{
		"forward":  {0, func(i int) []string { return []string{id(i - 1)} }},
		"backward": {2 * n, func(i int) []string { return []string{id(i + 1)} }},
		"star":     {0, func(int) []string { return []string{id(0)} }},
		// Each of the last third has a child already and goes below a long chain.
		"below a chain": {maxSteps + n, func(i int) []string {
			switch {
			case i < n/3:
				return []string{id(i - 1)}
			case i < 2*n/3:
				return []string{id(i + n/3)}
			}
			return []string{id(n/3 - 1)}
		}},
	} {
		r := NewReferences()
		for i := range n {
			r.Add(&Message{Number: uint32(i + 1), Sent: int64(i), ID: id(i), References: c.refs(i)})
		}
		if r.steps > c.steps {
			t.Errorf("%s took %d steps", name, r.steps)
		}
		f := r.Forest()
		count := 0
		for i := range f.nodes {
			if _, ok := f.Number(int32(i)); ok {
				count++
			}
		}
		if count != n || len(f.Roots) == 0 {
			t.Errorf("%s: %d messages below %d roots", name, count, len(f.Roots))
		}
	}
}
