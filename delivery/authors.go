package delivery

import (
	"strings"

	"postroom/internal/address"
	"postroom/internal/message"
)

// authors are whom a reader sees as the author of a message.
type authors struct {
	domains []string // of the From field, A-labels, each once
	// claimed are the same, or whatever looks like one in a From field that
	// cannot be read for certain: a mail program may well show it.
	claimed    []string
	fields     int
	unreadable bool
}

// maxAuthors bounds the domains of one From field that are asked about.
const maxAuthors = 8

func readAuthors(head []byte) (a authors) {
	var raw []string
	for f := range message.Fields(head) {
		if strings.EqualFold(string(f.Name), "From") {
			a.fields++
			raw = append(raw, domainsIn(string(f.Value))...)
		}
	}
	from, err := message.FromAddresses(head)
	a.unreadable = err != nil && a.fields > 0
	for _, at := range from {
		a.domains = appendDomains(a.domains, at.Domain)
	}
	if a.claimed = a.domains; a.unreadable {
		a.claimed = appendDomains(nil, raw...)
	}
	return a
}

// domainsIn finds what stands behind each @ and can be a domain.
func domainsIn(value string) (out []string) {
	for len(out) < maxAuthors {
		i := strings.IndexByte(value, '@')
		if i < 0 {
			break
		}
		value = value[i+1:]
		end := strings.IndexFunc(value, func(r rune) bool { return strings.ContainsRune("<>(),;:\"\\[] \t\r\n@", r) })
		if end < 0 {
			end = len(value)
		}
		out = append(out, value[:end])
	}
	return out
}

func appendDomains(to []string, names ...string) []string {
next:
	for _, n := range names {
		name, err := address.Name(n)
		if err != nil || len(to) == maxAuthors {
			continue
		}
		for _, have := range to {
			if have == name {
				continue next
			}
		}
		to = append(to, name)
	}
	return to
}
