package delivery_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"postroom/delivery"
	"postroom/internal/arc"
	"postroom/internal/dkim/canon"
	"postroom/internal/dns"
	"postroom/internal/dns/dnstest"
	"postroom/internal/mail"
)

// gate is a house that checks what comes from outside, and the world's DNS.
type gate struct {
	*house
	dns    *dnstest.Server
	checks *delivery.Checks
}

var outKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{house: newHouse(t, nil), dns: dnstest.New(t)}
	g.now = time.Now() // go-msgauth signs with the real time
	g.checks = &delivery.Checks{Timeout: 5 * time.Second}
	g.forget()
	g.cfg.Checks = g.checks
	g.Delivery = delivery.New(g.cfg, g.store, g.spool, nil)
	key := "k=ed25519; p=" + base64.StdEncoding.EncodeToString(outKey.Public().(ed25519.PublicKey))
	g.dns.Add(`1.2.0.192.in-addr.arpa. 60 IN PTR mail.out.test.`, `mail.out.test. 60 IN A 192.0.2.1`)
	for _, d := range []string{"out.test", "strict.test", "evil.test", "example.test", "lists.test"} {
		g.dns.Add(d+`. 60 IN TXT "v=spf1 a:mail.`+d+` -all"`, fmt.Sprintf(`s1._domainkey.%s. 60 IN TXT %q`, d, key))
	}
	g.dns.Add(`mail.evil.test. 60 IN A 192.0.2.66`, `mail.example.test. 60 IN A 192.0.2.7`, `_dmarc.out.test. 60 IN TXT "v=DMARC1; p=reject; sp=quarantine; np=reject"`,
		`_dmarc.strict.test. 60 IN TXT "v=DMARC1; p=reject; aspf=s; adkim=s"`, `news.out.test. 60 IN A 192.0.2.9`,
		`_dmarc.soft.test. 60 IN TXT "v=DMARC1; p=none"`)
	return g
}

// forget empties the resolver's cache.
func (g *gate) forget() {
	r, err := dns.New(dns.Config{Servers: []string{g.dns.Addr()}, Timeout: time.Second})
	if err != nil {
		g.t.Fatal(err)
	}
	g.checks.Resolver = r
}

// from gives a session of a peer.
func from(ip, helo string) *mail.Session {
	s := mx()
	s.Peer, s.Helo = netip.AddrPortFrom(netip.MustParseAddr(ip), 4711), helo
	return s
}

func evil() *mail.Session { return from("192.0.2.66", "mail.evil.test") }

func signed(t *testing.T, domain, message string) string {
	t.Helper()
	var b bytes.Buffer
	if err := dkim.Sign(&b, strings.NewReader(message), &dkim.SignOptions{Domain: domain, Selector: "s1", Signer: outKey}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func by(from string) string {
	return "From: " + from + "\r\nTo: bob@example.test\r\nSubject: hi\r\nMessage-ID: <1@out.test>\r\n\r\nHello.\r\n"
}

// junk and inbox count what bob has where.
func (g *gate) in(mailbox string) int {
	return g.count(`SELECT count(*) FROM mailbox_messages x JOIN mailboxes m ON m.account_id = x.account_id AND m.id = x.mailbox_id
		WHERE x.account_id = $1 AND m.name = $2`, g.bob, mailbox)
}

func TestGoodMailPassesWithItsResults(t *testing.T) {
	g := newGate(t)
	g.mustSend(mx(), envelope("carol@out.test", "bob@example.test"), signed(t, "out.test", by("carol@out.test")))
	got := g.filed(g.bob)[0].prefix
	got = strings.ReplaceAll(got, "\r\n\t", " ")
	for _, want := range []string{"Authentication-Results: mx.example.test;", "iprev=pass", "policy.iprev=192.0.2.1", "spf=pass smtp.mailfrom=out.test",
		"dmarc=pass", "header.from=out.test", "dkim=pass header.d=out.test header.s=s1 header.a=ed25519-sha256"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Index(got, "Authentication-Results") > strings.Index(got, "Received:") {
		t.Errorf("the results stand below the Received field they belong to:\n%s", got)
	}
	if g.in("INBOX") != 1 {
		t.Error("not in INBOX")
	}
}

// Every way of failing DMARC is stopped by p=reject (RFC 9989 §5.3).
func TestForgedMailIsRefused(t *testing.T) {
	g := newGate(t)
	whole := signed(t, "out.test", by("carol@out.test"))
	expired := strings.Replace(whole, "t=", "x=1000000000; t=", 1)
	g.dns.Add(`revoked._domainkey.out.test. 60 IN TXT "v=DKIM1; k=ed25519; p="`)
	for name, c := range map[string]struct {
		s    *mail.Session
		path string
		text string
	}{
		"SPF passes for another domain":      {evil(), "x@evil.test", by("carol@out.test")},
		"SPF fails, nothing signed":          {evil(), "carol@out.test", by("carol@out.test")},
		"null reverse-path, HELO of another": {evil(), "", by("carol@out.test")},
		"signature of another domain":        {evil(), "x@evil.test", signed(t, "evil.test", by("carol@out.test"))},
		"body changed":                       {evil(), "x@evil.test", strings.Replace(whole, "Hello.", "Hullo.", 1)},
		"From changed":                       {evil(), "x@evil.test", strings.Replace(whole, "carol@", "dora@", 1)},
		"signature expired":                  {evil(), "x@evil.test", expired},
		"no such key":                        {evil(), "x@evil.test", strings.Replace(whole, "s=s1", "s=s2", 1)},
		"key revoked":                        {evil(), "x@evil.test", strings.Replace(whole, "s=s1", "s=revoked", 1)},
		"relaxed where strict is asked":      {mx(), "carol@out.test", signed(t, "out.test", by("x@strict.test"))},
		"subdomain of a strict domain":       {evil(), "x@evil.test", signed(t, "strict.test", by("x@sub.strict.test"))},
		"name that does not exist":           {evil(), "x@evil.test", by("ceo@nothere.out.test")},
		"second author forged":               {evil(), "x@evil.test", signed(t, "evil.test", by("x@evil.test, carol@out.test"))},
		"parent domain signs nothing here":   {evil(), "x@evil.test", signed(t, "evil.test", by("carol@OUT.test"))},
	} {
		_, err := g.send(c.s, envelope(c.path, "bob@example.test"), c.text)
		if !mail.Is(err, mail.CodePolicy) || !strings.Contains(err.Error(), "DMARC") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := g.count(`SELECT count(*) FROM messages`); n != 0 {
		t.Errorf("%d forged messages were filed", n)
	}
}

func TestTwoFromFieldsAreRefused(t *testing.T) {
	g := newGate(t)
	_, err := g.send(mx(), envelope("carol@out.test", "bob@example.test"), "From: carol@out.test\r\n"+by("carol@out.test"))
	if !mail.Is(err, mail.CodeBadMessage) {
		t.Error(err)
	}
}

func TestQuarantineFilesIntoJunk(t *testing.T) {
	g := newGate(t)
	g.mustSend(evil(), envelope("x@evil.test", "bob@example.test"), by("carol@news.out.test"))
	if g.in("Junk") != 1 || g.in("INBOX") != 0 {
		t.Errorf("%d in Junk, %d in INBOX", g.in("Junk"), g.in("INBOX"))
	}
	if n := g.count(`SELECT count(*) FROM delivery_events WHERE kind = 'filed' AND text LIKE '%asks for quarantine'`); n != 1 {
		t.Error("the timeline does not say why")
	}
	// Without such a mailbox it is not lost.
	g.exec(`UPDATE mailboxes SET special_use = '' WHERE special_use = '\Junk'`)
	g.mustSend(evil(), envelope("x@evil.test", "bob@example.test"), strings.Replace(by("carol@news.out.test"), "<1@", "<2@", 1))
	if g.in("INBOX") != 1 {
		t.Error("not in INBOX")
	}
}

func TestPolicyNoneChangesNothing(t *testing.T) {
	g := newGate(t)
	g.mustSend(evil(), envelope("x@evil.test", "bob@example.test"), by("carol@soft.test"))
	if g.in("INBOX") != 1 || !strings.Contains(g.filed(g.bob)[0].prefix, "dmarc=fail") {
		t.Errorf("%q", g.filed(g.bob))
	}
}

// A DNS that does not answer is never a free pass, and refuses nothing for good.
func TestBrokenDNSIsTemporary(t *testing.T) {
	g := newGate(t)
	for _, broken := range []string{"_dmarc.out.test.", "s1._domainkey.out.test.", "mail.out.test."} {
		g.forget()
		g.dns.Fail(broken, dnstest.ServFail)
		sender, path := mx(), "carol@out.test"
		if strings.HasPrefix(broken, "s1.") {
			sender, path = evil(), "x@evil.test"
		}
		text := by("carol@out.test")
		if broken != "mail.out.test." {
			text = signed(t, "out.test", text)
		}
		_, err := g.send(sender, envelope(path, "bob@example.test"), text)
		if !mail.Is(err, mail.CodeUnavailable) {
			t.Errorf("%s broken: %v", broken, err)
		}
		g.dns.Fail(broken, dnstest.None)
	}
}

func TestOurDomainsAreNotForOthers(t *testing.T) {
	g := newGate(t)
	plain, ours := by("alice@example.test"), signed(t, "example.test", by("alice@example.test"))
	for name, c := range map[string]struct {
		path, text string
	}{
		"reverse-path":               {"alice@example.test", by("x@evil.test")},
		"From":                       {"x@evil.test", plain},
		"both":                       {"alice@example.test", plain},
		"second author":              {"x@evil.test", by("x@evil.test, alice@example.test")},
		"From that nobody can read":  {"x@evil.test", by("<x@evil.test> <alice@example.test> (")},
		"broken signature of ours":   {"x@evil.test", strings.Replace(ours, "Hello", "Hullo", 1)},
		"null reverse-path and From": {"", plain},
	} {
		_, err := g.send(evil(), envelope(c.path, "bob@example.test"), c.text)
		if !mail.Is(err, mail.CodePolicy) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What SPF or DKIM of ours proves comes from a service that sends for us.
	g.mustSend(evil(), envelope("x@evil.test", "bob@example.test"), ours)
	g.mustSend(from("192.0.2.7", "mail.example.test"), envelope("alice@example.test", "bob@example.test"), plain)
	if g.in("INBOX") != 2 {
		t.Errorf("%d in INBOX", g.in("INBOX"))
	}
	g.checks.OwnClaims = delivery.OwnJunk
	g.mustSend(evil(), envelope("x@evil.test", "bob@example.test"), strings.Replace(plain, "<1@", "<3@", 1))
	if g.in("Junk") != 1 {
		t.Error("not in Junk")
	}
	g.forget()
	g.dns.Fail("mail.example.test.", dnstest.ServFail)
	g.checks.OwnClaims = ""
	_, err := g.send(from("192.0.2.7", "mail.example.test"), envelope("alice@example.test", "bob@example.test"), plain)
	if !mail.Is(err, mail.CodeUnavailable) {
		t.Errorf("with a broken DNS: %v", err)
	}
}

func TestSuspectsGoToJunk(t *testing.T) {
	g := newGate(t)
	g.mustSend(from("192.0.2.99", "x"), envelope("x@evil.test", "bob@example.test"), by("x@evil.test")) // -all, no DMARC record
	g.mustSend(mx(), envelope("carol@out.test", "bob@example.test"), "Subject: no author\r\nMessage-ID: <2@x>\r\n\r\n")
	if g.in("Junk") != 2 {
		t.Errorf("%d in Junk", g.in("Junk"))
	}
}

// What claims to be our results is cut; what others found stays.
func TestForeignResults(t *testing.T) {
	g := newGate(t)
	theirs := "Authentication-Results: mx.elsewhere.test; dkim=pass\r\n"
	g.mustSend(mx(), envelope("carol@out.test", "bob@example.test"),
		"Authentication-Results: mx.example.test; dmarc=pass\r\n"+theirs+by("carol@out.test"))
	if got := g.filed(g.bob)[0].octets; got != theirs+by("carol@out.test") {
		t.Errorf("%q", got)
	}
}

// A peer that stands for others is no reason to refuse or to believe.
func TestGatewayHidesThePeer(t *testing.T) {
	g := newGate(t)
	g.checks.Gateway = func(a netip.Addr) bool { return a == netip.MustParseAddr("192.0.2.66") }
	g.mustSend(evil(), envelope("carol@out.test", "bob@example.test"), by("carol@out.test"))
	if got := g.filed(g.bob)[0].prefix; g.in("Junk") != 1 || strings.Contains(got, "spf=") || strings.Contains(got, "iprev=") {
		t.Errorf("%d in Junk\n%s", g.in("Junk"), got)
	}
}

// sealedBy adds an ARC set in which domain says what it saw.
func (g *gate) sealedBy(domain, results, message string) string {
	g.t.Helper()
	head, body, _ := strings.Cut(message, "\r\n\r\n")
	head += "\r\n\r\n"
	var bodies canon.Bodies
	v := arc.New([]byte(head), &bodies, g.now)
	bodies.Want(canon.Relaxed, canon.NoLimit)
	if _, err := bodies.Write([]byte(body)); err != nil {
		g.t.Fatal(err)
	}
	chain := v.Finish(context.Background(), g.checks.Resolver)
	fields, err := (&arc.Sealer{Signer: arc.Signer{Domain: domain, Selector: "s1"}, Key: outKey, AuthServID: domain}).Seal([]byte(head), &bodies, chain, results, g.now)
	if err != nil {
		g.t.Fatal(err)
	}
	return fields + message
}

func TestTrustedSealerOverridesThePolicy(t *testing.T) {
	g := newGate(t)
	g.checks.TrustedSealers = []string{"lists.test"}
	text := by("carol@out.test")
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"it saw a pass":               {g.sealedBy("lists.test", "dmarc=pass header.from=out.test", text), true},
		"it saw a failure":            {g.sealedBy("lists.test", "dmarc=fail header.from=out.test", text), false},
		"in the sender's words":       {g.sealedBy("lists.test", `spf=pass smtp.mailfrom="; dmarc=pass "@out.test`, text), false},
		"nobody trusts that one":      {g.sealedBy("evil.test", "dmarc=pass header.from=out.test", text), false},
		"the trusted one comes first": {g.sealedBy("evil.test", "arc=pass", g.sealedBy("lists.test", "dmarc=pass", text)), false},
		"it trusted another":          {g.sealedBy("lists.test", "arc=pass", g.sealedBy("evil.test", "dmarc=pass", text)), false},
		"both of them its own":        {g.sealedBy("lists.test", "dmarc=fail", g.sealedBy("lists.test", "dmarc=pass", text)), true},
		"changed behind it":           {strings.Replace(g.sealedBy("lists.test", "dmarc=pass", text), "Hello", "Hullo", 1), false},
	} {
		_, err := g.send(evil(), envelope("x@evil.test", "bob@example.test"), c.text)
		if (err == nil) != c.want || err != nil && !mail.Is(err, mail.CodePolicy) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whom an account wrote to is not junked for looks, an allowed network may
// send what a policy refuses, and all that was stopped stands in Rejects.
func TestWhatRecipientsAllow(t *testing.T) {
	g := newGate(t)
	ctx := t.Context()
	odd := from("192.0.2.99", "mail.evil.test")
	g.exec(`INSERT INTO known_recipients (account_id, recipient) VALUES ($1, 'x@evil.test')`, g.alice)
	g.mustSend(odd, envelope("x@evil.test", "alice@example.test", "bob@example.test"), by("x@evil.test"))
	if g.in("Junk") != 1 || g.inboxOf(g.alice) != 1 {
		t.Errorf("bob has %d in Junk, alice %d in INBOX", g.in("Junk"), g.inboxOf(g.alice))
	}
	forged := strings.Replace(by("carol@out.test"), "<1@", "<2@", 1)
	rule := mail.SenderRule{Network: netip.MustParsePrefix("192.0.2.99/32"), Allow: true, Account: g.bob}
	if err := g.store.SetSenderRule(ctx, mail.ActorSystem, rule); err != nil {
		t.Fatal(err)
	}
	if _, err := g.send(odd, envelope("y@evil.test", "alice@example.test", "bob@example.test"), forged); !mail.Is(err, mail.CodePolicy) {
		t.Errorf("one of two allowed it: %v", err)
	}
	g.mustSend(odd, envelope("y@evil.test", "bob@example.test"), forged)
	if err := g.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]int{"junked": 1, "refused": 2} {
		if n := g.count(`SELECT count(*) FROM rejects WHERE action = $1 AND reason <> '' AND header_from <> ''`, what); n != want {
			t.Errorf("%d are %s in Rejects, want %d", n, what, want)
		}
	}
}

func (g *gate) inboxOf(acct mail.AccountID) int {
	return g.count(`SELECT count(*) FROM mailbox_messages x JOIN mailboxes m ON m.account_id = x.account_id AND m.id = x.mailbox_id
		WHERE x.account_id = $1 AND m.name = 'INBOX'`, acct)
}
