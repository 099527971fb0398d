package differential

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"postroom/e2e/corpus"
)

// oddCommands are run on each odd message, whose number is %[1]d.
var oddCommands = []string{
	"FETCH %[1]d (RFC822.SIZE INTERNALDATE)",
	"FETCH %[1]d ENVELOPE",
	"FETCH %[1]d BODYSTRUCTURE",
	"FETCH %[1]d BODY",
	"FETCH %[1]d BODY.PEEK[]",
	"FETCH %[1]d BODY.PEEK[HEADER]",
	"FETCH %[1]d BODY.PEEK[TEXT]",
	"FETCH %[1]d BODY.PEEK[1]",
	"FETCH %[1]d BODY.PEEK[1.MIME]",
	"FETCH %[1]d BODY.PEEK[2]",
	"FETCH %[1]d BODY.PEEK[1.1]",
	"FETCH %[1]d BODY.PEEK[1.HEADER]",
	"FETCH %[1]d BODY.PEEK[HEADER.FIELDS (SUBJECT FROM TO CC DATE MESSAGE-ID)]",
	"FETCH %[1]d BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT FROM X-ODD)]",
	"FETCH %[1]d BODY.PEEK[]<20.100>",
	"FETCH %[1]d BINARY.SIZE[1]",
}

// allCommands look at all odd messages together.
var allCommands = []string{
	"SEARCH SUBJECT deep", "SEARCH SUBJECT grüße", "SEARCH FROM sender", "SEARCH TO c@example.org", "SEARCH BODY queue",
	"SEARCH TEXT queue", "SEARCH TEXT plain", "SEARCH BODY escape", "SEARCH HEADER X-Odd \"\"", "SEARCH BODY naïve", "SEARCH TEXT inner",
	"SEARCH HEADER Message-ID corpus-1", "SEARCH SENTON 1-Jan-2026", "SEARCH SENTBEFORE 1-Jan-2026", "SEARCH LARGER 10000", "SEARCH BODY mail",
	"SORT (SIZE) UTF-8 ALL", "SORT (SUBJECT) UTF-8 NOT SUBJECT raw", "SORT (FROM SIZE) UTF-8 ALL", "SORT (DATE) UTF-8 ALL", "SORT (TO) UTF-8 7:*", "SORT (CC) UTF-8 7:*",
	"THREAD REFERENCES UTF-8 ALL", "THREAD ORDEREDSUBJECT UTF-8 ALL",
}

// oddMessages asks both servers everything of e2e/corpus and of
// testdata/odd.mbox.
func oddMessages(t *testing.T, p *pair) {
	all := oddOnes(t)
	for n := range 22 {
		all = append(all, odd{"corpus " + corpus.Kind(n), corpus.Message(n, 0)})
	}
	p.compare(t, "odd", "C1", "CREATE Odd")
	for i, m := range all {
		p.compare(t, m.name, "C1", fmt.Sprintf("APPEND Odd \"%02d-Jan-2021 10:00:00 +0000\" {%d}\r\n%s%s", 1+i%28, len(m.octets), pause, m.octets))
	}
	p.compare(t, "odd", "C1", "SELECT Odd")
	for i, m := range all {
		for _, c := range oddCommands {
			p.compare(t, m.name, "C1", fmt.Sprintf(c, i+1))
		}
	}
	for _, c := range allCommands {
		p.compare(t, "all", "C1", c)
	}
}

type odd struct {
	name   string
	octets []byte
}

// oddOnes reads testdata/odd.txt: "M name", then lines after "| ".
func oddOnes(t *testing.T) (all []odd) {
	octets, err := os.ReadFile("testdata/odd/messages")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(octets), "\n") {
		if name, ok := strings.CutPrefix(line, "M "); ok {
			all = append(all, odd{name: name})
		} else if text, ok := strings.CutPrefix(line, "|"); ok {
			m := &all[len(all)-1]
			m.octets = append(m.octets, strings.TrimPrefix(text, " ")+"\r\n"...)
		}
	}
	return all
}
