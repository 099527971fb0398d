package queue_test

import (
	"testing"

	"postroom/delivery/relay"
	"postroom/internal/mail"
)

// TestEnvelopeIDs: a submission without ENVID gets its queue id, so that what
// next hops report finds it; mail of others gets none (RFC 3461 §5.2.1).
func TestEnvelopeIDs(t *testing.T) {
	o := newOffice(t, func(o *office, rc *relay.Config) {
		o.sink = newSink(t, true)
		rc.Port = o.sink.port
	})
	sent := map[string]string{}
	for name, out := range map[string]mail.Outbound{
		"own@example.test":       {Account: o.alice, EnvID: "q+1"},
		"none@example.test":      {Account: o.alice},
		"forwarded@example.test": {},
	} {
		out.From, out.Prefix = addr(name), []byte("Received: by us.test\r\n")
		d := &mail.Delivery{Content: oneChunk("stored"), Summary: mail.Summary{Size: bodySize, HeaderSize: 40}, Outbound: out,
			Relay: []mail.Recipient{rcpt("x@out.test", mail.NotifyFailure)}}
		got, err := o.store.Deliver(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		sent[name] = got.Trace.String()
	}
	o.work(nil)
	until(t, "an empty queue", o.empty)
	want := map[string]string{"own@example.test": "q+1", "none@example.test": sent["none@example.test"], "forwarded@example.test": ""}
	for _, got := range o.sink.got {
		if got.envID != want[got.from] {
			t.Errorf("from %s: ENVID %q, want %q", got.from, got.envID, want[got.from])
		}
		delete(want, got.from)
	}
	if len(want) != 0 {
		t.Errorf("not sent: %v", want)
	}
}
