package arc

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"postroom/internal/dkim/canon"
	"postroom/internal/dkim/sig"
)

// Sealer seals in the name of one host.
type Sealer struct {
	Signer     // d= and s= of both signatures
	Key        crypto.Signer
	AuthServID string // the host that made the checks (RFC 8601 §2.5)
}

// The errors of Seal that are not the key's.
var (
	ErrChain   = errors.New("arc: the result is not that of this header")
	ErrResults = errors.New("arc: the results cannot stand in a field")
	ErrBody    = errors.New("arc: the body was not hashed for sealing")
)

// Seal gives the fields of a new set, to stand in front of header: ARC-Seal,
// ARC-Message-Signature and ARC-Authentication-Results, each with its CRLF. It
// comes last, when nothing of the message will change any more (RFC 8617 §5.1
// step 1). chain is what Finish gave for the message as it came in; results is
// what an Authentication-Results field says behind its authserv-id and
// semicolon, folded or not, "none" when empty. bodies has been asked for
// canon.Relaxed with canon.NoLimit, and holds the body that goes out.
//
// There is nothing to add, and the text is empty, when the chain has ended
// with cv=fail (§5.1 step 2) and when it is full.
func (s *Sealer) Seal(header []byte, bodies *canon.Bodies, chain Result, results string, now time.Time) (string, error) {
	h := canon.NewHeader(header)
	sets, top, bad := collect(h)
	switch {
	case present(h) != (chain.Status != sig.None), bad != nil && chain.Status == sig.Pass:
		return "", ErrChain
	case top >= MaxInstance || ended(h, top):
		return "", nil
	}
	algorithm, err := sig.AlgorithmOf(s.Key)
	if err != nil {
		return "", err
	}
	digest, ok := bodies.Digest(canon.Relaxed, canon.NoLimit)
	if !ok {
		return "", ErrBody
	}
	tags := fmt.Sprintf("i=%d; a=%s; d=%s; s=%s; t=%d;", top+1, algorithm, s.Domain, s.Selector, now.Unix())
	aar, err := s.results(top+1, results)
	if err != nil {
		return "", err
	}
	ams, err := s.message(h, tags, digest)
	if err != nil {
		return "", err
	}
	if chain.Status == sig.Fail {
		sets = nil // RFC 8617 §5.1.2: as if the new set were the only one
	}
	as, err := s.seal(sets, aar, ams, tags, chain.Status)
	return as + ams + aar, err
}

// ended tells whether the newest seal says cv=fail.
func ended(h *canon.Header, top int) bool {
	by, _ := place(h.Fields(asName))
	for _, f := range by[top] {
		if cv, _ := parse(f).Tags.Get("cv"); cv == "fail" {
			return true
		}
	}
	return false
}

func (s *Sealer) results(instance int, results string) (string, error) {
	if results == "" {
		results = "none"
	}
	f := fmt.Sprintf("ARC-Authentication-Results: i=%d; %s;\r\n\t%s\r\n", instance, s.AuthServID, results)
	unfolded := strings.NewReplacer("\r\n ", "", "\r\n\t", "").Replace(strings.TrimSuffix(f, "\r\n"))
	if strings.ContainsAny(unfolded, "\r\n\x00") || len(f) > sig.MaxField {
		return "", ErrResults
	}
	return f, nil
}

// message makes an ARC-Message-Signature.
func (s *Sealer) message(h *canon.Header, tags string, body canon.Digest) (string, error) {
	names := signedNames(h)
	f := fmt.Sprintf("ARC-Message-Signature: %s\r\n\tc=relaxed/relaxed;\r\n\th=%s;\r\n\tbh=%s;\r\n\tb=",
		tags, strings.Join(names, ":\r\n\t"), base64.StdEncoding.EncodeToString(body[:]))
	var hashed bytes.Buffer
	h.WriteSigned(&hashed, names, none, canon.Relaxed)
	return s.sign(f, hashed.Bytes())
}

// seal makes an ARC-Seal over sets and the new one (RFC 8617 §5.1.1).
func (s *Sealer) seal(sets []*set, aar, ams, tags string, cv sig.Status) (string, error) {
	var hashed []byte
	for _, one := range sets {
		hashed = append(hashed, before(one)...)
		hashed = canon.AppendField(hashed, one.as.Field.Raw, canon.Relaxed)
	}
	hashed = canon.AppendField(hashed, []byte(aar), canon.Relaxed)
	hashed = canon.AppendField(hashed, []byte(ams), canon.Relaxed)
	return s.sign(fmt.Sprintf("ARC-Seal: %s\r\n\tcv=%s;\r\n\tb=", tags, cv), hashed)
}

// sign completes a field that ends with "b=" by its signature over what is
// hashed before it.
func (s *Sealer) sign(field string, hashed []byte) (string, error) {
	own := canon.AppendField(nil, []byte(field), canon.Relaxed)
	b, err := sig.Sign(s.Key, append(hashed, bytes.TrimSuffix(own, []byte("\r\n"))...))
	const width = 72
	for len(b) > width {
		field, b = field+b[:width]+"\r\n\t", b[width:]
	}
	return field + b + "\r\n", err
}
