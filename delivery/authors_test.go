package delivery

import (
	"testing"

	"postroom/internal/address"
)

// FuzzAuthors: whatever a header holds, the domains that are asked about are
// few, and those of a From field that can be read are domains.
func FuzzAuthors(f *testing.F) {
	f.Add([]byte("From: Ann <ann@example.test>\r\n\r\n"))
	f.Add([]byte("From: a@b.test, \"c@d\" <e@f.test>\r\nFrom: x@@y <z@\r\n\r\n"))
	f.Add([]byte("from: (a(b)c) g:a@b.test,;\r\n\tx@xn--a.test\r\n\r\n"))
	f.Fuzz(func(t *testing.T, head []byte) {
		a := readAuthors(head)
		if len(a.domains) > maxAuthors || len(a.claimed) > maxAuthors {
			t.Fatalf("%d and %d domains", len(a.domains), len(a.claimed))
		}
		for _, d := range a.domains {
			if got, err := address.Name(d); err != nil || got != d {
				t.Fatalf("%q is no domain: %q, %v", d, got, err)
			}
		}
	})
}
