package message

import (
	"strings"
	"testing"
	"time"
)

func TestBaseSubject(t *testing.T) {
	for _, c := range []struct {
		subject, base string
		reply         bool
	}{
		{"", "", false}, {"hello", "hello", false}, {"  hello\t\r\n  world ", "hello world", false},
		{"Re: hello", "hello", true}, {"RE:hello", "hello", true}, {"re : fw: FWD: hello", "hello", true},
		{"Re[2]: hello", "hello", true}, {"Re [2] : hello", "hello", true}, {"Re[2]x: hello", "Re[2]x: hello", false},
		{"[list] hello", "hello", false}, {"[list] Re: [list] hello", "hello", true}, {"[a] [b]Re: hello", "hello", true},
		{"[a][b] ", "[b]", false}, {"[list]", "[list]", false}, {"Re: [list]", "[list]", true}, {"[a] [b", "[b", false},
		{"hello (fwd)", "hello", true}, {"hello (FWD) (fwd)  ", "hello", true}, {"(fwd)", "", true}, {"Re:", "", true},
		{"[Fwd: hello]", "hello", true}, {"[fwd: Re: [fwd: hello (fwd)] ]", "hello", true}, {"[fwd: hello] more", "more", false},
		{"[fwd:]", "", true}, {"regarding: x", "regarding: x", false}, {"re", "re", false}, {"Re: AW: hello", "AW: hello", true},
		{"[x [y] hello", "[x [y] hello", false}, {"Re: Grüße", "Grüße", true},
	} {
		if base, reply := BaseSubject(c.subject); base != c.base || reply != c.reply {
			t.Errorf("%q: %q, %v; want %q, %v", c.subject, base, reply, c.base, c.reply)
		}
	}
}

// What a sender makes of a subject costs time in line with its length.
func TestBaseSubjectIsLinear(t *testing.T) {
	for _, unit := range []string{"[a]", "re:", "[fwd:", "[", "re[", "[a]re:", "(fwd)", "re[a]:", "[re:"} {
		s := strings.Repeat(unit, (1<<20)/len(unit))
		for _, subject := range []string{s, s + "]", s + strings.Repeat("]", len(s)/len(unit)), s + "x"} {
			begin := time.Now()
			BaseSubject(subject)
			if d := time.Since(begin); d > 10*time.Second {
				t.Errorf("%q repeated: %v", unit, d)
			}
		}
	}
}
