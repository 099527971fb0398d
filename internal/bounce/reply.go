package bounce

import (
	"strconv"
	"strings"

	"postroom/internal/mail"
	"postroom/internal/report"
)

// replyOf reads a reason as MTAs write it: an SMTP reply, alone or somewhere in
// a sentence.
func replyOf(b []byte) mail.RemoteReply {
	text := report.Clean(b, maxText)
	return mail.RemoteReply{Code: codeIn(text), Status: statusIn(text), Text: text, Remote: hostIn(text)}
}

// codeIn finds the first SMTP reply code, 0 when there is none. One of success
// counts only at the begin.
func codeIn(s string) int {
	for i := 0; i+3 <= len(s); i++ {
		c := s[i]
		if c != '4' && c != '5' && (c != '2' || i > 0) {
			continue
		}
		if s[i+1] < '0' || s[i+1] > '5' || !isDigit(s[i+2]) {
			continue
		}
		if i > 0 && strings.IndexByte(" :;'\"(#=", s[i-1]) < 0 {
			continue
		}
		if i+3 < len(s) && strings.IndexByte(" :-'\")#", s[i+3]) < 0 {
			continue
		}
		code, _ := strconv.Atoi(s[i : i+3])
		return code
	}
	return 0
}

// statusIn finds the first enhanced status code (RFC 3463 §2). The subject is
// one digit, which keeps versions and most numbers out; one of success counts
// only at the begin or behind a code.
func statusIn(s string) string {
	for i := range len(s) {
		c := s[i]
		if c != '4' && c != '5' && (c != '2' || i > 0 && i != len("250 ")) {
			continue
		}
		if i > 0 && (isDigit(s[i-1]) || s[i-1] == '.') {
			continue
		}
		n := i + 4
		if n >= len(s) || s[i+1] != '.' || s[i+2] < '0' || s[i+2] > '7' || s[i+3] != '.' || !isDigit(s[n]) {
			continue
		}
		for n < len(s) && n < i+7 && isDigit(s[n]) {
			n++
		}
		if n < len(s) && isDigit(s[n]) || n+1 < len(s) && s[n] == '.' && isDigit(s[n+1]) {
			continue // a longer number, or an IP address
		}
		return s[i:n]
	}
	return ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// hostIn finds the host that spoke, in the words of the common MTAs.
func hostIn(s string) string {
	for _, before := range []string{"host ", "while talking to ", "Remote Server at ", "Remote server at "} {
		_, after, found := strings.Cut(s, before)
		if !found {
			continue
		}
		n := 0
		for n < len(after) && hostByte(after[n]) {
			n++
		}
		if host := strings.TrimRight(after[:n], "."); strings.Contains(host, ".") {
			return host[:min(len(host), maxHost)]
		}
	}
	return ""
}

func hostByte(c byte) bool {
	return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '.' || c == '-'
}

// isHost tells "host", "host [address]" and "host (address)". Link protection
// puts URLs where hosts stood.
func isHost(s string) bool {
	return s != "" && hostByte(s[0]) && !strings.ContainsFunc(s, func(r rune) bool {
		return r >= 0x80 || !hostByte(byte(r)) && !strings.ContainsRune(" _:[]()", r)
	}) && !strings.Contains(s, "://")
}
