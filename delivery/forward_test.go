package delivery_test

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postroom/delivery"
	"postroom/delivery/dsn"
	"postroom/internal/arc"
	"postroom/internal/dkim/canon"
	"postroom/internal/dkim/sig"
	"postroom/internal/dns"
	"postroom/internal/mail"
)

// LookupTXT publishes the keys; a nil map is a DNS that does not answer about
// them. There is nothing else in this world.
func (k *twoKeys) LookupTXT(_ context.Context, name string) ([]string, error) {
	if k.txt == nil && strings.Contains(name, "._domainkey.") {
		return nil, &dns.Error{Name: name, Type: "TXT", Kind: dns.Temporary}
	}
	if txt, ok := k.txt[name]; ok {
		return []string{txt}, nil
	}
	return nil, &dns.Error{Name: name, Type: "TXT", Kind: dns.NotFound}
}

func (k *twoKeys) LookupMX(context.Context, string) ([]dns.MX, error) { return nil, noName }

func (k *twoKeys) LookupAddrs(context.Context, string) ([]netip.Addr, error) { return nil, noName }

func (k *twoKeys) LookupA(context.Context, string) ([]netip.Addr, error) { return nil, noName }

func (k *twoKeys) LookupPTR(context.Context, netip.Addr) ([]string, error) { return nil, noName }

var noName = &dns.Error{Name: "there", Kind: dns.NotFound}

// newForwarder is a house where team@ leads to bob and outside, and box@ only
// outside.
func newForwarder(t *testing.T) (*house, *twoKeys) {
	t.Helper()
	keys := newKeys(t)
	h := newHouse(t, keys)
	h.alias("team@example.test", "bob@example.test", "friend@far.test")
	h.alias("box@example.test", "me@home.test")
	h.cfg.ReturnSecrets = func(context.Context) ([][]byte, error) { return [][]byte{[]byte("0123456789abcdef")}, nil }
	h.cfg.Checks = &delivery.Checks{Resolver: keys, OwnClaims: delivery.OwnAccepted}
	h.Delivery = delivery.New(h.cfg, h.store, h.spool, keys)
	return h, keys
}

func (h *house) alias(a string, targets ...string) {
	h.t.Helper()
	x := mail.Alias{Local: addr(a).Local, Domain: addr(a).Domain}
	for _, to := range targets {
		x.Targets = append(x.Targets, addr(to))
	}
	if err := h.store.SetAlias(h.t.Context(), "test", x, true); err != nil {
		h.t.Fatal(err)
	}
}

// left gives the one message that is due, and its octets.
func (h *house) left() (mail.LeasedMessage, string) {
	h.t.Helper()
	q := h.queued()
	if len(q) != 1 {
		h.t.Fatalf("%d messages are due", len(q))
	}
	return q[0], string(q[0].Message.Prefix) + h.blob(int64(q[0].Message.Blob))
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func TestForwardedMailHasAReturnAddressOfOurs(t *testing.T) {
	h, _ := newForwarder(t)
	h.mustSend(mx(), envelope("carol@out.test", "team@example.test"), hello)
	q, _ := h.left()
	back := q.Message.From
	if !strings.HasPrefix(back.Local, "SRS0=") || !strings.HasSuffix(back.Local, "=out.test=carol") || back.Domain != "example.test" {
		t.Fatalf("left as %s", back)
	}
	if got := h.filed(h.bob); len(got) != 1 || !strings.HasPrefix(got[0].prefix, "Return-Path: <carol@out.test>\r\n") {
		t.Errorf("filed as %q", got)
	}
	// A bounce takes it home, in whatever case an MTA spells it.
	for _, local := range []string{back.Local, strings.ToLower(back.Local)} {
		h.mustSend(mx(), envelope("", local+"@example.test"), "Subject: "+local+"\r\n"+hello)
		if q, _ := h.left(); q.Entries[0].Recipient.Address != addr("carol@out.test") || !q.Message.From.IsNull() {
			t.Errorf("the bounce went from <%s> to %s", q.Message.From, q.Entries[0].Recipient.Address)
		}
	}
	forged := strings.Replace(back.String(), "=out.test=", "=victim.test=", 1)
	for _, c := range []struct{ from, to, want string }{
		{"x@out.test", back.String(), "takes bounces only"},
		{"", forged, "no such recipient here"},
	} {
		if _, err := h.send(mx(), envelope(c.from, c.to), hello); !mail.Is(err, mail.CodeNoSuchUser) || !strings.Contains(mail.TextOf(err), c.want) {
			t.Errorf("from <%s> to %s: %v", c.from, c.to, err)
		}
	}
	h.pass(22 * 24 * time.Hour)
	if _, err := h.send(mx(), envelope("", back.String()), hello); !mail.Is(err, mail.CodeNoSuchUser) || !strings.Contains(mail.TextOf(err), "no longer valid") {
		t.Errorf("after 22 days: %v", err)
	}
}

func TestReversePathsThatStay(t *testing.T) {
	h, _ := newForwarder(t)
	long := strings.Repeat("bounces-", 7) + "1@out.test"
	for _, c := range []struct {
		s    *mail.Session
		from string
	}{{mx(), ""}, {mx(), "alice@example.test"}, {mx(), long}, {h.submission(), "alice@example.test"}} {
		h.mustSend(c.s, envelope(c.from, "box@example.test"), letter)
		if q, _ := h.left(); q.Message.From.String() != c.from {
			t.Errorf("%s mail from <%s> left as <%s>", c.s.Role, c.from, q.Message.From)
		}
	}
}

func TestReportAboutForwardedMailGoesToItsSender(t *testing.T) {
	h, _ := newForwarder(t)
	h.mustSend(mx(), envelope("carol@out.test", "box@example.test"), hello)
	q, _ := h.left()
	h.pass(100 * 24 * time.Hour) // an administrator held it
	r := &dsn.Report{Kind: mail.DSNFailure, Hostname: "mx.example.test", To: q.Message.From, Original: q.Message.ID, Date: h.clock(),
		Recipients: []dsn.Recipient{{Address: addr("me@home.test"), Reply: mail.RemoteReply{Status: "5.1.1"}}}}
	d, discard, err := h.Report(t.Context(), r)
	defer discard()
	if err != nil || d == nil || len(d.Relay) != 1 || d.Relay[0].Address != addr("carol@out.test") || r.To != addr("carol@out.test") {
		t.Errorf("%+v to %s, %v", d, r.To, err)
	}
}

// validate gives the state of the chain of a message as it left.
func validate(t *testing.T, octets string, keys *twoKeys, now time.Time) arc.Result {
	t.Helper()
	i := strings.Index(octets, "\r\n\r\n") + 4
	bodies := &canon.Bodies{}
	v := arc.New([]byte(octets[:i]), bodies, now)
	if _, err := bodies.Write([]byte(octets[i:])); err != nil {
		t.Fatal(err)
	}
	return v.Finish(t.Context(), keys)
}

func TestForwardedMailIsSealed(t *testing.T) {
	h, keys := newForwarder(t)
	first, second := "team@example.test", "box@example.test"
	h.mustSend(mx(), envelope("carol@out.test", first), hello)
	_, one := h.left()
	got := validate(t, one, keys, h.clock())
	if got.Status != sig.Pass || len(got.Sets) != 1 || got.Sets[0].Seal != (arc.Signer{Domain: "example.test", Selector: "r1"}) ||
		!strings.HasPrefix(got.Sets[0].AuthResults, "mx.example.test;") || !strings.Contains(got.Sets[0].AuthResults, "arc=none") {
		t.Fatalf("%+v of\n%s", got, one)
	}
	if n := strings.Count(h.filed(h.bob)[0].prefix, "ARC-"); n != 0 {
		t.Errorf("%d fields of ARC in what was filed here", n)
	}
	h.mustSend(mx(), envelope("carol@out.test", second), one)
	_, two := h.left()
	if got := validate(t, two, keys, h.clock()); got.Status != sig.Pass || len(got.Sets) != 2 || !strings.Contains(got.Sets[1].AuthResults, "arc=pass") {
		t.Errorf("the second hop: %+v", got)
	}
	// What changed on the way ends its chain, once.
	h.mustSend(mx(), envelope("carol@out.test", second), strings.Replace(one, "Hello.", "Hullo.", 1))
	_, bad := h.left()
	if got := validate(t, bad, keys, h.clock()); got.Status != sig.Fail || got.Instances != 2 || !strings.Contains(bad, "cv=fail") {
		t.Errorf("a broken chain: %+v", got)
	}
	h.alias("third@example.test", "x@far.test")
	h.mustSend(mx(), envelope("carol@out.test", "third@example.test"), bad)
	if _, again := h.left(); strings.Count(again, "ARC-Seal:") != 2 {
		t.Errorf("a chain that ended goes on:\n%s", again)
	}
}

func TestForwardsGoOnWithoutASeal(t *testing.T) {
	h, keys := newForwarder(t)
	h.mustSend(mx(), envelope("carol@out.test", "team@example.test"), hello)
	_, sealed := h.left()
	published := keys.txt
	keys.txt = nil
	h.mustSend(mx(), envelope("carol@out.test", "box@example.test"), sealed)
	keys.txt = published
	_, out := h.left()
	if got := validate(t, out, keys, h.clock()); got.Status != sig.Pass || got.Instances != 1 {
		t.Errorf("with a dead DNS the good chain became %+v", got)
	}
	h.Delivery = delivery.New(h.cfg, h.store, h.spool, brokenSigner{})
	h.mustSend(mx(), envelope("carol@out.test", "box@example.test"), hello)
	if _, out := h.left(); strings.Contains(out, "ARC-") || !strings.HasSuffix(out, hello) {
		t.Errorf("without keys:\n%s", out)
	}
	// A submission is signed, and not sealed.
	h.Delivery = delivery.New(h.cfg, h.store, h.spool, keys)
	h.mustSend(h.submission(), envelope("alice@example.test", "box@example.test"), letter)
	if _, out := h.left(); strings.Contains(out, "ARC-") || !strings.Contains(out, "DKIM-Signature:") {
		t.Errorf("a submission:\n%s", out)
	}
}

type brokenSigner struct{}

func (brokenSigner) SigningKeys(context.Context, string) ([]delivery.SigningKey, error) {
	return nil, errors.New("no keys now")
}

func TestOddMessagesAreForwarded(t *testing.T) {
	h, keys := newForwarder(t)
	for _, octets := range []string{"", "\r\n", "no header at all", "A: b", "\r\nbody\r\n", "A: b\r\n\r\n",
		strings.Repeat("X-Long: "+strings.Repeat("y", 900)+"\r\n", 400) + "\r\nend\r\n"} {
		h.mustSend(mx(), envelope("carol@out.test", "box@example.test"), octets)
		_, out := h.left()
		if !strings.HasSuffix(out, octets) {
			t.Errorf("%.40q was changed", octets)
		}
		if whole := strings.HasSuffix(octets, "\r\n\r\n"); whole && validate(t, out, keys, h.clock()).Status != sig.Pass {
			t.Errorf("%.40q: no good seal", octets)
		}
	}
}

func TestAliasesThatLeadToSuppressedAddresses(t *testing.T) {
	h, _ := newForwarder(t)
	for _, a := range []string{"friend@far.test", "me@home.test"} {
		x := mail.Suppression{Address: addr(a), Reason: "550 5.1.1 gone", ExpiresAt: time.Now().Add(time.Hour)}
		if err := h.store.AddSuppression(t.Context(), "test", x); err != nil {
			t.Fatal(err)
		}
	}
	h.refusedFor(h.write("team@example.test"), mail.CodeSuppressed, "friend@far.test is not written to until")
	_, err := h.Accept(t.Context(), h.submission(), envelope("alice@example.test", "team@example.test"), bytes.NewBufferString(letter))
	h.refusedFor(err, mail.CodeSuppressed, "friend@far.test")
	// From outside the others get it, and the timeline says who did not.
	out := h.mustSend(mx(), envelope("carol@out.test", "team@example.test"), hello)
	if len(h.queued()) != 0 || len(h.filed(h.bob)) != 1 {
		t.Errorf("%d queued, %d filed", len(h.queued()), len(h.filed(h.bob)))
	}
	if !h.told(out.Trace, mail.EventRefused, "friend@far.test", "not forwarded until") {
		t.Error("the timeline does not tell")
	}
	// Where nobody is left, the sender is told, at RCPT.
	if err := h.CheckRecipient(t.Context(), mx(), envelope("carol@out.test"), mail.Recipient{Address: addr("box@example.test")}); !mail.Is(err, mail.CodeSuppressed) {
		t.Errorf("RCPT to nobody: %v", err)
	}
	if _, err := h.send(mx(), envelope("carol@out.test", "box@example.test"), hello); !mail.Is(err, mail.CodeSuppressed) {
		t.Errorf("to nobody: %v", err)
	}
	if _, err := h.Accept(t.Context(), mx(), envelope("carol@out.test", "box@example.test"), strings.NewReader(hello)); !mail.Is(err, mail.CodeSuppressed) {
		t.Errorf("to nobody, without RCPT: %v", err)
	}
}

// told tells whether a timeline has a line of that kind about a recipient.
func (h *house) told(trace mail.TraceID, kind mail.EventKind, rcpt, text string) bool {
	h.t.Helper()
	return h.count(`SELECT count(*) FROM delivery_events WHERE trace_id = $1 AND kind = $2 AND recipient = $3 AND strpos(text, $4) > 0`,
		int64(trace), string(kind), rcpt, text) == 1
}
