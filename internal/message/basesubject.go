package message

import "strings"

// BaseSubject takes from a decoded subject what replies and forwards put
// around it (RFC 5256 §2.1), so that the messages of one topic have the same.
// reply tells whether that makes it a reply or a forward (RFC 5256
// §BASE.6.4.THREAD): more than blank space and "[list]" was removed.
func BaseSubject(decoded string) (base string, reply bool) {
	s := baseSubject{text: oneSpace(decoded)}
	for {
		s.trailers()
		s.leaders()
		if !s.forward() {
			return s.text, s.reply
		}
	}
}

// oneSpace turns every run of blanks into one space: step (1).
func oneSpace(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	blank := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t', '\r', '\n':
			if !blank {
				b.WriteByte(' ')
			}
			blank = true
		default:
			b.WriteByte(c)
			blank = false
		}
	}
	return b.String()
}

type baseSubject struct {
	text  string
	reply bool
}

// trailers is step (2):
//
//	subj-trailer = "(fwd)" / WSP
func (s *baseSubject) trailers() {
	for {
		s.text = strings.TrimRight(s.text, " ")
		n := len(s.text) - len("(fwd)")
		if n < 0 || !strings.EqualFold(s.text[n:], "(fwd)") {
			return
		}
		s.text, s.reply = s.text[:n], true
	}
}

// leaders is steps (3) to (5):
//
//	subj-leader = (*subj-blob subj-refwd) / WSP
//
// A run of blobs that no subj-refwd follows is followed by none after its
// first blobs are removed either, so it is read once.
func (s *baseSubject) leaders() {
	for {
		s.text = strings.TrimLeft(s.text, " ")
		rest := s.text
		for n := blob(rest); n > 0; n = blob(rest) {
			rest = rest[n:]
		}
		n := refwd(rest)
		if n == 0 {
			break
		}
		s.text, s.reply = rest[n:], true
	}
	for n := blob(s.text); n > 0 && n < len(s.text); n = blob(s.text) {
		s.text = s.text[n:]
	}
}

// forward is step (6):
//
//	subj-fwd = "[fwd:" subject "]"
func (s *baseSubject) forward() bool {
	const header = "[fwd:"
	n := len(s.text)
	if n <= len(header) || !strings.EqualFold(s.text[:len(header)], header) || s.text[n-1] != ']' {
		return false
	}
	s.text, s.reply = s.text[len(header):n-1], true
	return true
}

// blob gives the length of
//
//	subj-blob = "[" *BLOBCHAR "]" *WSP   ; neither "[" nor "]" inside
//
// at the begin of s, 0 when there is none.
func blob(s string) int {
	if s == "" || s[0] != '[' {
		return 0
	}
	n := 1 + strings.IndexAny(s[1:], "[]")
	if n == 0 || s[n] != ']' {
		return 0
	}
	return n + 1 + blanks(s[n+1:])
}

// refwd gives the length of
//
//	subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
func refwd(s string) int {
	n := 0
	for _, word := range [...]string{"re", "fwd", "fw"} {
		if len(s) >= len(word) && strings.EqualFold(s[:len(word)], word) {
			n = len(word)
			break
		}
	}
	if n == 0 {
		return 0
	}
	n += blanks(s[n:])
	n += blob(s[n:])
	if n == len(s) || s[n] != ':' {
		return 0
	}
	return n + 1
}

func blanks(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }
