package arc

import (
	"fmt"
	"strconv"
	"strings"

	"postroom/internal/dkim/canon"
	"postroom/internal/dkim/sig"
	"postroom/internal/message"
)

// The fields of a set, as canon.Header names them.
const (
	aarName = "arc-authentication-results"
	amsName = "arc-message-signature"
	asName  = "arc-seal"
)

// set is an ARC Set (RFC 8617 §4.2). Its signatures are read, not verified.
type set struct {
	aar     message.Field
	results string
	ams, as *signature
	cv      sig.Status
}

// collect does steps 1 to 3 of RFC 8617 §5.2. It gives the sets, oldest first,
// and the highest instance that could be read, also of a broken chain.
func collect(h *canon.Header) (sets []*set, top int, bad *sig.Failure) {
	var by [3]map[int][]placed
	for i, name := range []string{aarName, amsName, asName} {
		var broken *sig.Failure
		if by[i], broken = place(h.Fields(name)); broken != nil {
			bad = broken
		}
		for n := range by[i] {
			top = max(top, n)
		}
	}
	if bad != nil {
		return nil, top, bad
	}
	for n := 1; n <= top; n++ {
		aar, ams, as := by[0][n], by[1][n], by[2][n]
		if len(aar) != 1 || len(ams) != 1 || len(as) != 1 {
			return nil, top, sig.NewFailure(sig.Fail, fmt.Sprintf("set %d is not whole", n))
		}
		sets = append(sets, newSet(aar[0], ams[0], as[0]))
	}
	return sets, top, values(sets)
}

// present tells whether a header has any field of a chain.
func present(h *canon.Header) bool {
	return len(h.Fields(aarName))+len(h.Fields(amsName))+len(h.Fields(asName)) > 0
}

// placed is a field and where its value goes on behind the instance.
type placed struct {
	message.Field
	rest int
}

// place sorts fields by their instance.
func place(fields []message.Field) (map[int][]placed, *sig.Failure) {
	by := map[int][]placed{}
	var bad *sig.Failure
	if len(fields) > MaxInstance {
		bad = sig.NewFailure(sig.Fail, "more than 50 sets")
	}
	for _, f := range fields {
		n, rest, ok := instance(string(f.Value))
		switch {
		case !ok || n < 1 || n > MaxInstance:
			bad = sig.NewFailure(sig.Fail, "instance is no number from 1 to 50")
		default:
			by[n] = append(by[n], placed{f, rest})
		}
	}
	return by, bad
}

func newSet(aar, ams, as placed) *set {
	s := &set{aar: aar.Field, ams: parse(ams), as: parse(as)}
	results := strings.ReplaceAll(string(aar.Value[aar.rest:]), "\r\n", "")
	s.results = strings.Trim(results, " \t\r\n")
	cv, _ := s.as.Tags.Get("cv")
	s.cv = sig.Status(cv)
	return s
}

// values checks cv= of all seals, that of the newest first (RFC 8617 §5.2,
// steps 2 and 3C), and that no seal has an h= (§4.1.3).
func values(sets []*set) *sig.Failure {
	for n := len(sets); n >= 1; n-- {
		s := sets[n-1]
		_, h := s.as.Tags.Get("h")
		want := sig.Pass
		if n == 1 {
			want = sig.None
		}
		switch {
		case s.as.bad != nil:
			return at("seal", n, s.as.bad)
		case s.cv == sig.Fail:
			return sig.NewFailure(sig.Fail, fmt.Sprintf("seal %d says cv=fail", n))
		case s.cv != want:
			return sig.NewFailure(sig.Fail, fmt.Sprintf("cv= of seal %d is not %s", n, want))
		case h:
			return sig.NewFailure(sig.Fail, fmt.Sprintf("seal %d has h=", n))
		}
	}
	return nil
}

// at says which field failed.
func at(what string, n int, f *sig.Failure) *sig.Failure {
	return sig.NewFailure(f.Status, fmt.Sprintf("%s %d: %s", what, n, f.Reason))
}

// instance reads "i=N;" at the beginning of a field's value, with the comments
// and folding that RFC 8617 §3.9 allows there, and gives where what follows
// the semicolon begins.
func instance(v string) (n, rest int, ok bool) {
	i := skipCFWS(v, 0)
	for _, c := range []byte("i=") {
		if i >= len(v) || v[i] != c {
			return 0, 0, false
		}
		i = skipCFWS(v, i+1)
	}
	digits := i
	for i < len(v) && v[i] >= '0' && v[i] <= '9' {
		i++
	}
	if i-digits < 1 || i-digits > 2 {
		return 0, 0, false
	}
	n, _ = strconv.Atoi(v[digits:i])
	if i = skipCFWS(v, i); i >= len(v) || v[i] != ';' {
		return 0, 0, false
	}
	return n, i + 1, true
}

// skipCFWS goes past white space and comments (RFC 5322 §3.2.2).
func skipCFWS(v string, i int) int {
	depth := 0
	for ; i < len(v); i++ {
		switch c := v[i]; {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case c == '\\' && depth > 0:
			i++
		case depth == 0 && !strings.ContainsRune(" \t\r\n", rune(c)):
			return i
		}
	}
	return min(i, len(v))
}
