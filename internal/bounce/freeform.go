package bounce

import (
	"strings"

	"postroom/internal/mail"
	"postroom/internal/report"
)

// openings are the lines by which mailers that write no DSN, or write one
// beside it, begin to tell whom they could not reach. A more telling one of the
// same mailer stands first.
var openings = []struct {
	start   string // of a line, in lower case
	delayed bool
}{
	{"hi. this is the ", false},                                                 // qmail, QSBMF §2
	{"this is the mail system at host", false},                                  // Postfix
	{"this is the postfix program at host", false},                              // Postfix before 2.3
	{"sorry, we were unable to deliver your message to the following", false},   // Yahoo
	{"this message was created automatically by mail delivery software", false}, // Exim
	{"delivery to the following recipient has been delayed", true},              // Gmail
	{"delivery to the following recipients has been delayed", true},             // Gmail, IIS
	{"delivery to the following recipient", false},                              // Gmail, IIS
	{"diagnostic information for administrators", false},                        // Exchange 2007
	{"delivery has failed to these recipients", false},                          // Exchange 2007
	{"delivery is delayed to these recipients", true},                           // Exchange 2007
	{"did not reach the following recipient", false},                            // Exchange 5.5
	{"the following recipient(s) could not be reached", false},                  // Exchange 2000
	{"was not delivered to", false},                                             // Domino
	{"----- the following addresses had permanent fatal errors", false},         // Sendmail
	{"----- the following addresses had transient non-fatal errors", true},      // Sendmail
}

// warnings are words by which a report of a delay says that it is none of a
// failure, in lower case.
var warnings = []string{
	"this is a warning only", "this is a warning message only", "do not need to resend",
	"delivery attempts will continue", "will keep trying",
}

// readFree reads a report for people. Its author must be a mailer, or somebody
// who quotes a bounce would send one.
func readFree(m *report.Message) (*Report, error) {
	failed := report.Field(m.Header, "X-Failed-Recipients") // Exim, Gmail
	if failed == nil && !fromMailer(m) {
		return nil, nil
	}
	text, err := m.Text()
	if err != nil {
		return nil, err
	}
	r := readText(string(text))
	if failed != nil {
		r = named(r, string(failed), string(text))
	}
	return r, nil
}

// fromMailer tells whether a message claims to come from an MTA.
func fromMailer(m *report.Message) bool {
	if path := report.Field(m.Header, "Return-Path"); string(path) == "<>" || m.IsReport() {
		return true
	}
	if k := autoSubmitted(m.Header); k != "" && k != "no" {
		return true
	}
	from := strings.ToLower(string(report.Field(m.Header, "From")))
	for _, name := range []string{"mailer-daemon", "postmaster", "mail delivery s", "mail-daemon", "system administrator", "<>"} {
		if strings.Contains(from, name) {
			return true
		}
	}
	return false
}

// named makes a report of an X-Failed-Recipients field where the text has no
// form we know, such as one in another language.
func named(r *Report, failed, text string) *Report {
	if r != nil && len(r.Recipients) > 0 {
		return r
	}
	r = &Report{}
	said, original := cutOriginal(text)
	r.Original = original
	for name := range strings.SplitSeq(failed, ",") {
		if a, ok := bareAddress(name); ok && len(r.Recipients) < maxRecipients {
			rc := Recipient{Address: a, Final: a, Action: "failed", Reply: replyOf([]byte(said))}
			rc.settle()
			r.Recipients = append(r.Recipients, rc)
		}
	}
	return r
}

// readText reads the text of a report in one of the free forms, nil when it is
// in none.
func readText(text string) *Report {
	said, original := cutOriginal(text)
	list, delayed, ok := opened(said)
	if !ok {
		return nil
	}
	r := &Report{Original: original}
	action := "failed"
	if delayed {
		action = "delayed"
	}
	var reason strings.Builder
	end := func() {
		if n := len(r.Recipients); n > 0 {
			rc := &r.Recipients[n-1]
			rc.Reply = replyOf([]byte(strings.TrimPrefix(strings.TrimSpace(reason.String()), "because:")))
			rc.settle()
		}
		reason.Reset()
	}
	for line := range strings.Lines(list) {
		if a, rest, ok := names(line); ok && !r.has(a) {
			if len(r.Recipients) == maxRecipients {
				break
			}
			end()
			r.Recipients = append(r.Recipients, Recipient{Address: a, Final: a, Action: action})
			line = rest
		}
		if reason.Len() < 4*maxText {
			reason.WriteString(line + " ")
		}
	}
	end()
	return r
}

// opened finds the opening and gives what follows its line.
func opened(text string) (list string, delayed, ok bool) {
	low := strings.ToLower(text)
	for _, w := range warnings {
		delayed = delayed || strings.Contains(low, w)
	}
	for _, o := range openings {
		at := 0
		for line := range strings.Lines(text) {
			at += len(line)
			if start := strings.ToLower(strings.TrimSpace(line)); strings.HasPrefix(start, o.start) {
				return text[at:], delayed || o.delayed, true
			}
		}
	}
	return "", false, false
}

// has compares the last recipient only: reasons repeat the address they are
// about, and a list of thousands is read in linear time.
func (r *Report) has(a mail.Address) bool {
	n := len(r.Recipients)
	return n > 0 && r.Recipients[n-1].Address == a
}

// cutOriginal parts what a mailer says from its copy of the message, and reads
// the copy's header.
func cutOriginal(text string) (said string, o report.Original) {
	at := 0
	for line := range strings.Lines(text) {
		if isCut(strings.ToLower(strings.TrimSpace(line))) {
			header := strings.TrimLeft(text[at+len(line):], "\r\n \t")
			return text[:at], report.ReadOriginal([]byte(header))
		}
		at += len(line)
	}
	return text, o
}

// isCut tells the line before the copy, such as "------ This is a copy of the
// message, including all the headers. ------". Sendmail rules its own sections
// off in the same way.
func isCut(line string) bool {
	if strings.HasPrefix(line, "original message headers:") {
		return true
	}
	return strings.HasPrefix(line, "---") && (strings.Contains(line, "message") || strings.Contains(line, "header") || strings.Contains(line, "copy of"))
}

// names reads a line that names a recipient, and gives what follows the name:
//
//	<bob@example.org>: host mx.example.org said: 550     qmail, Postfix, Sendmail
//	bob@example.org on Mon, 1 Mar 2026 10:00             Exchange
//	bob@example.org                                      Exim, Gmail, Domino
//	Bob (bob@example.org)                                Exchange
func names(line string) (a mail.Address, rest string, ok bool) {
	s := strings.TrimSpace(line)
	if len(s) > 1000 || !strings.Contains(s, "@") {
		return a, "", false
	}
	switch {
	case s[0] == '<':
		inner, after, _ := strings.Cut(s[1:], ">")
		if after != "" && after[0] != ':' {
			return a, "", false
		}
		a, ok = bareAddress(inner)
		return a, strings.TrimPrefix(after, ":"), ok
	case s[len(s)-1] == ')':
		a, ok = bareAddress(s[strings.LastIndexByte(s, '(')+1 : len(s)-1])
		return a, "", ok
	}
	word, after, _ := strings.Cut(s, " ")
	if after != "" && !strings.HasPrefix(after, "on ") {
		return a, "", false
	}
	word, _, _ = strings.Cut(word, "<mailto:")
	a, ok = bareAddress(strings.Trim(word, "'\":,"))
	return a, "", ok
}
