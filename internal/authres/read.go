package authres

import "strings"

// Values reads a field's value, or what an ARC-Authentication-Results says
// behind its instance, and gives the results of one method, lower case (RFC
// 8601 §2.2). Nothing within quotes or comments counts: what they hold may be
// the sender's words. A value that cannot be read for certain has no results.
func Values(value, method string) (out []string) {
	s := scanner{v: []byte(value)}
	for first := true; ; first = false {
		part, more, ok := s.part()
		if !ok {
			return nil
		}
		if !first { // the first is the authserv-id
			name, result, found := strings.Cut(part, "=")
			name, _, _ = strings.Cut(name, "/") // the method's version
			if found && strings.EqualFold(strings.TrimSpace(name), method) {
				if fields := strings.Fields(result); len(fields) > 0 {
					out = append(out, strings.ToLower(fields[0]))
				}
			}
		}
		if !more {
			return out
		}
	}
}

// part reads up to a ";" or the end. Comments become a space and quoted
// strings a "?": neither is a keyword.
func (s *scanner) part() (text string, more, ok bool) {
	var b strings.Builder
	for s.i < len(s.v) {
		switch c := s.v[s.i]; {
		case c == ';':
			s.i++
			return b.String(), true, true
		case c == '"':
			if _, ok := s.quoted(); !ok {
				return "", false, false
			}
			b.WriteByte('?')
		case c == '(' || c == ' ' || c == '\t' || c == '\r' || c == '\n':
			if !s.cfws() {
				return "", false, false
			}
			b.WriteByte(' ')
		case c == ')' || c == '\\':
			return "", false, false
		default:
			b.WriteByte(c)
			s.i++
		}
	}
	return b.String(), false, true
}
