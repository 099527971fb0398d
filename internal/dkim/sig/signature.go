package sig

import (
	"crypto/sha256"
	"strings"

	"postroom/internal/address"
	"postroom/internal/dkim/canon"
	"postroom/internal/message"
)

// algorithms gives the key type of each algorithm that is verified. rsa-sha1
// is not among them (RFC 8301 §3.1).
var algorithms = map[string]string{"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}

// Signature is one field that signs, as far as DKIM-Signature (RFC 6376 §3.5),
// ARC-Message-Signature and ARC-Seal (RFC 8617 §4.1) are alike.
type Signature struct {
	Field     message.Field
	Tags      Tags
	Domain    string // d=, A-labels, lower case
	Selector  string // s=, A-labels, lower case
	Algorithm string // a=
	B         string // b= without white space
	Time      int64  // t=, seconds since 1970; -1 when absent

	// What an ARC-Seal has not.
	Header, Body canon.Kind
	Names        []string // h=, lower case
	BodyHash     []byte
	Limit        int64 // l=, canon.NoLimit when absent
	Expires      int64 // x=, -1 when absent

	value int    // where in Field.Value the tag-list begins
	b     []byte // b=, decoded
}

// Parse reads a field's tag-list, which begins at octet from of its value, and
// the tags that every signature has: a, b, d, s, t. What could be read is in
// the Signature even when it fails.
func Parse(f message.Field, from int) (*Signature, *Failure) {
	s := &Signature{Field: f, Time: -1, Limit: canon.NoLimit, Expires: -1, value: from}
	if len(f.Raw) > MaxField {
		return s, NewFailure(Policy, "signature field too large")
	}
	tags, err := ParseTags(string(f.Value[from:]))
	if err != nil {
		return s, NewFailure(Neutral, "signature syntax")
	}
	s.Tags = tags
	s.Algorithm, _ = tags.Get("a")
	b, _ := tags.Get("b")
	s.B = stripFWS(b)
	if bad := s.readNames(); bad != nil {
		return s, bad
	}
	if bad := s.readAlgorithm(); bad != nil {
		return s, bad
	}
	var ok bool
	if s.b, ok = decode(b); !ok {
		return s, NewFailure(Neutral, "b= is not base64")
	}
	if s.Time, ok = s.seconds("t"); !ok {
		return s, NewFailure(Neutral, "t= is no time")
	}
	return s, nil
}

// readNames reads d= and s=: A-labels (RFC 6376 §3.5), or U-labels, which RFC
// 8616 adds and RFC 8617 §4.1.4 repeats.
func (s *Signature) readNames() *Failure {
	d, ok1 := s.Tags.Get("d")
	sel, ok2 := s.Tags.Get("s")
	if !ok1 || !ok2 {
		return NewFailure(PermError, "required tag missing")
	}
	var err error
	if s.Domain, err = address.Domain(d); err != nil || !strings.Contains(s.Domain, ".") {
		s.Domain = ""
		return NewFailure(Neutral, "d= is no domain")
	}
	if s.Selector = selector(sel); s.Selector == "" || len(s.KeyName()) > address.MaxDomain {
		return NewFailure(Neutral, "s= is no selector")
	}
	return nil
}

func (s *Signature) readAlgorithm() *Failure {
	switch {
	case s.Algorithm == "" || s.B == "":
		return NewFailure(PermError, "required tag missing")
	case s.Algorithm == "rsa-sha1":
		// RFC 8301 §3.1: permanently failed, and never put to the test.
		return NewFailure(PermError, "rsa-sha1 is withdrawn")
	case algorithms[s.Algorithm] == "":
		return NewFailure(Neutral, "unknown algorithm")
	}
	return nil
}

// selector gives s= in A-labels and lower case, empty when it is none.
// Deviation: RFC 6376 §3.1 has letters, digits and inner hyphens; keys are
// published under labels with underscores too, and only the DNS is asked.
func selector(s string) string {
	for _, c := range []byte(s) {
		if c >= 0x80 {
			a, err := address.Domain(s)
			if err != nil {
				return ""
			}
			return a
		}
	}
	s = strings.ToLower(s)
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return ""
		}
	}
	return s
}

func (s *Signature) seconds(name string) (int64, bool) {
	v, ok := s.Tags.Get(name)
	if !ok {
		return -1, true
	}
	return number(v)
}

// ReadBody reads the tags about header and body: c, h, bh, l, q, x.
func (s *Signature) ReadBody() *Failure {
	h, ok1 := s.Tags.Get("h")
	bh, ok2 := s.Tags.Get("bh")
	if !ok1 || !ok2 {
		return NewFailure(PermError, "required tag missing")
	}
	for _, name := range list(h) {
		if name == "" || strings.ContainsAny(name, " \t\r\n") {
			return NewFailure(Neutral, "h= is no list of fields")
		}
		s.Names = append(s.Names, strings.ToLower(name))
	}
	var ok bool
	if s.BodyHash, ok = decode(bh); !ok || len(s.BodyHash) != sha256.Size {
		return NewFailure(Neutral, "bh= is no hash")
	}
	if s.Limit, ok = s.seconds("l"); !ok {
		return NewFailure(Neutral, "l= is no length")
	}
	if s.Expires, ok = s.seconds("x"); !ok || s.Expires >= 0 && s.Expires <= s.Time {
		return NewFailure(Neutral, "x= is no time after t=")
	}
	return s.readMethods()
}

// readMethods reads c= and q=.
func (s *Signature) readMethods() *Failure {
	if c, ok := s.Tags.Get("c"); ok {
		header, body, two := strings.Cut(c, "/")
		if !two {
			body = "simple"
		}
		var known, too bool
		s.Header, known = canon.ParseKind(header)
		s.Body, too = canon.ParseKind(body)
		if !known || !too {
			return NewFailure(Neutral, "unknown canonicalization")
		}
	}
	if q, ok := s.Tags.Get("q"); ok {
		for _, method := range list(q) {
			if method == "dns/txt" {
				return nil
			}
		}
		return NewFailure(Neutral, "unknown query method")
	}
	return nil
}

// KeyName is where the key is published (RFC 6376 §3.6.2.1).
func (s *Signature) KeyName() string { return s.Selector + "._domainkey." + s.Domain }
