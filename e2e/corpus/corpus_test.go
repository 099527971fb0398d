package corpus

import (
	"bytes"
	"testing"
)

func TestMessagesAreSendable(t *testing.T) {
	for n := range 2 * len(kinds) {
		m := Message(n, 0)
		if !bytes.Equal(m, Message(n, 0)) {
			t.Fatalf("%s: two makings differ", Kind(n))
		}
		rest := bytes.ReplaceAll(m, []byte("\r\n"), nil)
		if i := bytes.IndexAny(rest, "\r\n\x00"); i >= 0 {
			t.Errorf("%s: %q in it", Kind(n), rest[i])
		}
	}
	if n := len(Message(99, 30<<20)); n < 1000 {
		t.Errorf("the large one has %d octets", n)
	}
}
