package main

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"sync/atomic"

	"github.com/emersion/go-msgauth/dkim"

	"postroom/internal/dns/dnstest"
)

// Outside domains that send, and the messages that each has signed. A signed
// message goes out many times, under a field above its signature that is new
// each time: then the load costs nothing beside what it measures.
const (
	sendingDomains = 20
	signedEach     = 25
)

// signedLoad is mail of outside domains with SPF, DKIM and DMARC records:
// every second domain signs with RSA of 2048 bits, the others with Ed25519.
type signedLoad struct {
	dns     *dnstest.Server
	letters []letter // without recipient
	next    atomic.Int64
}

func newSignedLoad() (*signedLoad, error) {
	dns, err := dnstest.Start("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &signedLoad{dns: dns}
	dns.Add("load.outside.example. 300 IN A 127.0.0.1", "1.0.0.127.in-addr.arpa. 300 IN PTR load.outside.example.")
	for i := range sendingDomains {
		if err := l.addDomain(fmt.Sprintf("d%02d.outside.example", i), i%2 == 0); err != nil {
			dns.Close()
			return nil, err
		}
	}
	return l, nil
}

func (l *signedLoad) addDomain(name string, useRSA bool) error {
	key, record, err := newKey(useRSA)
	if err != nil {
		return err
	}
	l.dns.Add(name+`. 300 IN TXT "v=spf1 ip4:192.0.2.0/24 ip4:127.0.0.1 -all"`,
		"_dmarc."+name+`. 300 IN TXT "v=DMARC1; p=reject; rua=mailto:dmarc@`+name+`"`,
		"s1._domainkey."+name+". 300 IN TXT "+record)
	from := "load@" + name
	opts := &dkim.SignOptions{Domain: name, Selector: "s1", Signer: key, HeaderCanonicalization: dkim.CanonicalizationRelaxed,
		BodyCanonicalization: dkim.CanonicalizationRelaxed, HeaderKeys: []string{"From", "To", "Subject", "Date", "Message-ID"}}
	for range signedEach {
		var b bytes.Buffer
		if err := dkim.Sign(&b, bytes.NewReader(compose(seeds.Add(1), from, "list@bench.test")), opts); err != nil {
			return err
		}
		l.letters = append(l.letters, letter{from: from, octets: b.Bytes()})
	}
	return nil
}

// newKey makes a key and the strings of its TXT record (RFC 6376 §3.6.1, RFC
// 8463 §4).
func newKey(useRSA bool) (crypto.Signer, string, error) {
	if !useRSA {
		pub, key, err := ed25519.GenerateKey(rand.Reader)
		return key, `"v=DKIM1; k=ed25519; p=` + base64.StdEncoding.EncodeToString(pub) + `"`, err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, "", err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	p := base64.StdEncoding.EncodeToString(der)
	return key, `"v=DKIM1; k=rsa; p=` + p[:200] + `" "` + p[200:] + `"`, err
}

// letter gives the next message, to one of the accounts.
func (l *signedLoad) letter(accounts []string) letter {
	n := int(l.next.Add(1))
	out := l.letters[n%len(l.letters)]
	out.to = accounts[n%len(accounts)]
	out.octets = append(fmt.Appendf(nil, "X-Sent: %d\r\n", n), out.octets...)
	return out
}
