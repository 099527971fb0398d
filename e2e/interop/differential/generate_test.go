package differential

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator makes commands of two connections to the same mailboxes.
type generator struct {
	*rand.Rand
	p     *pair
	conns map[string]*talker
	names []string // of mailboxes that nobody selects
	made  int
}

// talker is what the generator knows of a connection.
type talker struct {
	selected string
	readOnly bool
}

var (
	boxes   = []string{"Work", "Other"}
	flags   = []string{`\Seen`, `\Answered`, `\Flagged`, `\Deleted`, `\Draft`, "$Forwarded", "Label"}
	words   = []string{"apple", "banana", "cherry", "Zebra", "Grüße", "naïve", "report", "invoice", "re", "fwd"}
	senders = []string{"Alice <alice@example.org>", "bob@example.org", `"Carol, C." <carol@example.net>`, "=?utf-8?q?J=C3=B6rg?= <joerg@example.org>"}
	items   = []string{"FLAGS", "UID", "(UID FLAGS)", "(FLAGS INTERNALDATE RFC822.SIZE)", "ENVELOPE", "BODYSTRUCTURE", "BODY", "BODY.PEEK[]", "BODY[TEXT]",
		"BODY.PEEK[HEADER]", "BODY.PEEK[HEADER.FIELDS (Subject From)]", "BODY[1]<0.20>", "RFC822.SIZE", "(UID BODY.PEEK[TEXT]<5.30>)", "ALL", "FULL"}
	sortKeys = []string{"ARRIVAL", "SIZE", "DATE", "REVERSE DATE", "SUBJECT", "FROM", "TO", "REVERSE SIZE SUBJECT", "FROM SUBJECT DATE"}
)

func pick[T any](g *generator, list []T) T { return list[g.IntN(len(list))] }

// next gives a command for a connection.
func (g *generator) next(conn string) string {
	t := g.conns[conn]
	if t.selected == "" {
		return g.selects(t)
	}
	n := len(g.p.dovecot.conns[conn].box.messages)
	if n == 0 && g.IntN(2) == 0 {
		return g.append()
	}
	// What changes messages is no command for EXAMINE: docs/imap.md.
	writes := []func() string{
		g.append, g.append,
		func() string { return g.store(n) }, func() string { return g.store(n) }, func() string { return g.store(n) },
		func() string { return g.prefix() + "COPY " + g.set(n) + " " + pick(g, boxes) },
		func() string { return g.prefix() + "MOVE " + g.set(n) + " " + pick(g, boxes) },
		func() string { return "EXPUNGE" },
		func() string { return fmt.Sprintf("UID EXPUNGE 1:%d", 1+g.IntN(60)) },
	}
	reads := []func() string{
		func() string { return g.prefix() + "FETCH " + g.set(n) + " " + pick(g, items) },
		func() string { return g.prefix() + "FETCH " + g.set(n) + " " + pick(g, items) },
		func() string { return g.prefix() + "SEARCH " + g.returns() + g.key(n, 2) },
		func() string { return g.prefix() + "SEARCH " + g.key(n, 2) },
		func() string {
			return g.prefix() + "SORT (" + pick(g, sortKeys) + ") UTF-8 " + g.key(n, 1)
		},
		func() string { return g.prefix() + "THREAD REFERENCES UTF-8 " + g.key(n, 1) },
		func() string { return "STATUS " + pick(g, boxes) + " (MESSAGES UIDNEXT UNSEEN RECENT)" },
		func() string { return "NOOP" }, func() string { return "CHECK" },
		func() string { return g.selects(t) },
		func() string { t.selected = ""; return pick(g, []string{"CLOSE", "UNSELECT"}) },
		g.names1,
	}
	if n == 0 {
		writes, reads = append(writes[:2], writes[7:]...), reads[6:]
	}
	if t.readOnly || g.IntN(2) == 0 {
		return pick(g, reads)()
	}
	return pick(g, writes)()
}

func (g *generator) selects(t *talker) string {
	t.selected, t.readOnly = pick(g, boxes), g.IntN(5) == 0
	if t.readOnly {
		return "EXAMINE " + t.selected
	}
	return "SELECT " + t.selected
}

// names1 does something with mailboxes that nobody selects.
func (g *generator) names1() string {
	if len(g.names) == 0 || g.IntN(3) == 0 {
		g.made++
		g.names = append(g.names, fmt.Sprintf("N%d", g.made))
		return "CREATE " + g.names[len(g.names)-1]
	}
	i := g.IntN(len(g.names))
	name := g.names[i]
	switch g.IntN(6) {
	case 0:
		g.names = append(g.names[:i:i], g.names[i+1:]...)
		return "DELETE " + name
	case 1:
		g.made++
		g.names[i] = fmt.Sprintf("N%d", g.made)
		return "RENAME " + name + " " + g.names[i]
	case 2:
		return "SUBSCRIBE " + name
	case 3:
		return "UNSUBSCRIBE " + name
	case 4:
		return `LSUB "" N*`
	}
	return `LIST "" N*`
}

func (g *generator) prefix() string { return pick(g, []string{"", "", "UID "}) }

// set gives sequence numbers of n messages that there are; as UIDs, some may be
// of messages that are gone.
func (g *generator) set(n int) string {
	var parts []string
	for range 1 + g.IntN(3) {
		a, b := 1+g.IntN(n), 1+g.IntN(n)
		parts = append(parts, pick(g, []string{fmt.Sprint(a), fmt.Sprint(a), fmt.Sprintf("%d:%d", a, b), fmt.Sprintf("%d:*", a)}))
	}
	return strings.Join(parts, ",")
}

// flags names each once: docs/imap.md.
func (g *generator) flags() string {
	var out []string
	for _, i := range g.Perm(len(flags))[:g.IntN(4)] {
		out = append(out, flags[i])
	}
	return "(" + strings.Join(out, " ") + ")"
}

func (g *generator) store(n int) string {
	return g.prefix() + "STORE " + g.set(n) + " " + pick(g, []string{"+FLAGS", "-FLAGS", "FLAGS", "+FLAGS.SILENT", "-FLAGS.SILENT", "FLAGS.SILENT"}) + " " + g.flags()
}

func (g *generator) append() string {
	msg := g.message()
	date := fmt.Sprintf(`"%02d-Jan-2020 %02d:00:00 +0000"`, 1+g.IntN(28), g.IntN(24))
	return fmt.Sprintf("APPEND %s %s %s {%d}\r\n%s%s", pick(g, boxes), g.flags(), date, len(msg), pause, msg)
}

func (g *generator) message() string {
	g.made++
	var b strings.Builder
	subject := pick(g, []string{"", "Re: ", "Fwd: ", "[list] "}) + pick(g, words) + " " + pick(g, words)
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: %s\r\n", pick(g, senders), pick(g, senders), subject)
	fmt.Fprintf(&b, "Date: Wed, %d Jan 2020 %02d:%02d:00 +0%d00\r\nMessage-ID: <m%d@example.org>\r\n", 1+g.IntN(28), g.IntN(24), g.IntN(60), g.IntN(10), g.made)
	if g.IntN(2) == 0 {
		fmt.Fprintf(&b, "References: <m%d@example.org> <m%d@example.org>\r\n", 1+g.IntN(g.made), 1+g.IntN(g.made))
	}
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
	for range 1 + g.IntN(30) {
		b.WriteString(pick(g, words) + pick(g, []string{" ", " ", "\r\n"}))
	}
	b.WriteString("\r\n")
	return b.String()
}

func (g *generator) returns() string {
	return pick(g, []string{"", "RETURN () ", "RETURN (COUNT) ", "RETURN (MIN MAX) ", "RETURN (ALL COUNT MIN MAX) "})
}

// key gives a search key, at most so deep.
func (g *generator) key(n, deep int) string {
	if deep > 0 && g.IntN(3) == 0 {
		a, b := g.key(n, deep-1), g.key(n, deep-1)
		return pick(g, []string{"NOT " + a, "OR " + a + " " + b, a + " " + b, "(" + a + " " + b + ")"})
	}
	return pick(g, []func() string{
		func() string { return "ALL" },
		func() string {
			return pick(g, []string{"SEEN", "UNSEEN", "ANSWERED", "UNANSWERED", "FLAGGED", "UNFLAGGED", "DELETED", "UNDELETED", "DRAFT", "UNDRAFT", "NEW", "OLD", "RECENT"})
		},
		func() string { return pick(g, []string{"KEYWORD", "UNKEYWORD"}) + " " + pick(g, flags[5:]) },
		func() string { return g.set(n) },
		func() string { return "UID " + g.set(n) },
		func() string { return pick(g, []string{"SUBJECT", "BODY", "TEXT"}) + ` "` + pick(g, words[:4]) + `"` },
		func() string { return "FROM " + pick(g, []string{"alice", "example.org", "carol", "nobody"}) },
		func() string {
			return fmt.Sprintf("%s %d-Jan-2020", pick(g, []string{"SINCE", "BEFORE", "ON", "SENTSINCE", "SENTBEFORE", "SENTON"}), 1+g.IntN(28))
		},
		func() string { return fmt.Sprintf("%s %d", pick(g, []string{"LARGER", "SMALLER"}), 250+g.IntN(250)) },
		func() string { return fmt.Sprintf("HEADER Message-ID m%d", 1+g.IntN(20)) },
	})()
}
