package strangers

import (
	"strings"
	"testing"
	"time"

	"postroom/internal/arc"
	"postroom/internal/dkim/canon"
)

// sealedBy adds an ARC set in which domain says what it saw.
func (w *world) sealedBy(t *testing.T, domain, results, octets string) string {
	t.Helper()
	i := strings.Index(octets, "\r\n\r\n") + 4
	head := []byte(octets[:i])
	bodies := &canon.Bodies{}
	v := arc.New(head, bodies, time.Now())
	bodies.Want(canon.Relaxed, canon.NoLimit)
	_, _ = bodies.Write([]byte(octets[i:]))
	s := arc.Sealer{Signer: arc.Signer{Domain: domain, Selector: "s1"}, Key: key, AuthServID: "mx." + domain}
	fields, err := s.Seal(head, bodies, v.Finish(t.Context(), w.resolver), results, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return fields + octets
}

// sealed is mail that a list changed: its word counts where it is trusted.
func (w *world) sealed(t *testing.T) {
	list := w.named("198.18.5.10", "mx.lists.test")
	const saw = "dmarc=pass header.from=reject.test"
	text := by("member@reject.test", "sealed")
	want(t, "without a seal", w.send(t, list, "x@lists.test", alice, text), 550, "DMARC policy of reject.test")
	want(t, "by an untrusted one", w.send(t, list, "x@lists.test", alice, w.sealedBy(t, "evil.test", saw, text)), 550)
	want(t, "it saw a failure", w.send(t, list, "x@lists.test", alice, w.sealedBy(t, "lists.test", "dmarc=fail", text)), 550)
	changed := strings.Replace(w.sealedBy(t, "lists.test", saw, text), "Hello.", "Pay me.", 1)
	want(t, "changed after the seal", w.send(t, list, "x@lists.test", alice, changed), 550)
	want(t, "by a trusted one", w.send(t, list, "x@lists.test", alice, w.sealedBy(t, "lists.test", saw, text)), 250)
	w.filed(t, alice, "INBOX", "sealed")
}
