package message

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestReferences(t *testing.T) {
	long := ""
	for i := range 60 {
		long += fmt.Sprintf(" <%d@x>\r\n", i)
	}
	for _, c := range []struct{ fields, want string }{
		{"References: <a@x> <b@x>\r\nIn-Reply-To: <c@x>\r\n", "a@x b@x"},
		{"References: nothing\r\nIn-Reply-To: <c@x> <d@x>\r\n", "c@x"},
		{"In-Reply-To: Your message of today <\"01KF\"@x.y>\r\n", "01KF@x.y"},
		{"references: <\"a\\\"b\"@x> <> <a b@x>\r\n", `a"b@x ab@x`},
		{"Subject: x\r\n", ""},
		{"References:" + long, "0@x " + strings.Join(strings.Fields(strings.NewReplacer("<", "", ">", "").Replace(long))[11:], " ")},
	} {
		if got := strings.Join(References([]byte(c.fields)), " "); got != c.want {
			t.Errorf("%.40q: %q, want %q", c.fields, got, c.want)
		}
	}
}

func TestEnvelopeIsRead(t *testing.T) {
	in := "Date: x\r\nSubject: a \"quoted\" \\ Grüße\r\nFrom: \"O\\\"Neill, Pat\" <pat@x.test>, b@x\r\nTo: team: a@x, b@x;\r\n\r\n"
	p := NewParser(nil)
	_, _ = p.Write([]byte(in))
	env := p.Finish().Envelope
	if got := EnvelopeText(env, EnvelopeSubject); string(got) != "a \"quoted\" \\ Grüße" {
		t.Errorf("subject %q of %s", got, env)
	}
	from, ok := EnvelopeFirst(env, EnvelopeFrom)
	if !ok || string(from.Name) != `O"Neill, Pat` || string(from.Mailbox) != "pat" || string(from.Host) != "x.test" {
		t.Errorf("from %q of %s", from, env)
	}
	to, ok := EnvelopeFirst(env, EnvelopeTo)
	if !ok || to.Name != nil || string(to.Mailbox) != "team" || to.Host != nil {
		t.Errorf("to %q of %s", to, env)
	}
	if cc, ok := EnvelopeFirst(env, EnvelopeCc); ok {
		t.Errorf("cc %q", cc)
	}
}

// Whatever stands in the column, reading it ends.
func FuzzEnvelopeReader(f *testing.F) {
	for _, s := range []string{`("d" "s" (("n" NIL "m" "h")) NIL NIL NIL NIL NIL NIL NIL)`, "({3}\r\nabc \"\\", "(((((", ") ) )"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, env []byte) {
		for i := range EnvelopeField(11) {
			a, _ := EnvelopeFirst(env, i)
			for _, b := range [][]byte{EnvelopeText(env, i), a.Name, a.Mailbox, a.Host} {
				if len(b) > len(env) {
					t.Errorf("%q of %q", b, bytes.Clone(env))
				}
			}
		}
	})
}
