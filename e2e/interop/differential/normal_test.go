package differential

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"postroom/e2e/client"
)

// answer is what a server says to one command, as far as servers may be
// compared: the untagged responses in the order of their text, then the tagged
// one.
type answer []string

// normalise takes an answer of one connection, whose mailbox box is. What must
// differ goes: UIDVALIDITY and modseqs become V and M, times of now "now",
// texts for people nothing. What the RFCs leave open gets one form: quoted or
// literal, the order of flags, items and responses, how a set is written, one
// FETCH or two for a message. Sequence numbers become those of the messages
// when the mailbox was selected, so that EXPUNGEs may come in any order.
func normalise(box *mailbox, command string, lines []client.Line, tagged string) answer {
	var out answer
	for _, l := range lines {
		if !strings.HasPrefix(l.Text, "* ") {
			out = append(out, "? "+l.Text)
			continue
		}
		l.Text = l.Text[2:]
		if s := untagged(box, parse(l), l); s != "" {
			out = append(out, s)
		}
	}
	out = append(out, box.told()...)
	slices.Sort(out)
	return append(out, condition(tagged))
}

// untagged gives one response; "" for those that say nothing to compare, or
// that box keeps until the end of the answer.
func untagged(box *mailbox, v []value, l client.Line) string {
	if len(v) > 1 && v[0].kind == 'a' {
		if n, err := strconv.Atoi(v[0].text); err == nil {
			return box.numbered(n, v[1:])
		}
	}
	name := strings.ToUpper(v[0].text)
	rest := v[1:]
	switch name {
	case "OK", "NO", "BAD", "BYE", "PREAUTH":
		if s := condition(l.Text); s != "OK" {
			return s
		}
		return ""
	case "CAPABILITY", "ID":
		return name
	case "FLAGS":
		rest = []value{list(sorted(rest[0].list))}
	case "LIST", "LSUB":
		rest = listed(rest)
	case "STATUS":
		rest[0] = mailboxName(rest[0])
		rest[1] = list(pairs(rest[1].list, statusValue))
	case "SEARCH":
		rest = searched(rest)
	case "ESEARCH":
		rest = extendedSearch(rest)
	case "VANISHED":
		last := &rest[len(rest)-1]
		if last.text = canonicalSet(last.text); len(rest) == 1 {
			box.vanished(last.text)
		}
	case "ENABLED":
		rest = sorted(rest)
	case "METADATA":
		if rest[1].kind == 'l' {
			rest[1] = list(pairs(rest[1].list, func(_ string, v value) value { return v }))
		}
	}
	return strings.TrimSpace(name + " " + join(rest))
}

// condition keeps OK, NO, BAD or BYE and the response code.
func condition(text string) string {
	kind, rest, _ := strings.Cut(text, " ")
	if !strings.HasPrefix(rest, "[") {
		return kind
	}
	v := (&parser{text: rest}).atom()
	v = strings.TrimSuffix(strings.TrimPrefix(v, "["), "]")
	code := (&parser{text: v}).values()
	switch name := strings.ToUpper(code[0].text); name {
	case "UIDVALIDITY":
		code[1].text = "V"
	case "HIGHESTMODSEQ":
		code[1].text = "M"
	case "APPENDUID", "COPYUID":
		code[1].text = "V"
		for i := 2; i < len(code); i++ {
			code[i].text = canonicalSet(code[i].text)
		}
	case "MODIFIED":
		code[1].text = canonicalSet(code[1].text)
	case "PERMANENTFLAGS":
		code[1] = list(sorted(code[1].list))
	case "CAPABILITY":
		return kind
	}
	return kind + " [" + join(code) + "]"
}

func list(v []value) value { return value{kind: 'l', list: v} }

func join(v []value) string {
	s := list(v).String()
	return s[1 : len(s)-1]
}

// mailboxName makes atom and string, INBOX and inbox one.
func mailboxName(v value) value {
	if strings.EqualFold(v.text, "inbox") {
		v.text = "INBOX"
	}
	v.kind = 's'
	return v
}

func listed(v []value) []value {
	v[0] = list(sorted(v[0].list))
	v[2] = mailboxName(v[2])
	if len(v) > 3 { // extended items, whose names are atoms or strings
		for i := 0; i < len(v[3].list); i += 2 {
			v[3].list[i].kind = 's'
		}
	}
	return v
}

func statusValue(name string, v value) value {
	switch name {
	case "UIDVALIDITY":
		v.text = "V"
	case "HIGHESTMODSEQ":
		v.text = "M"
	}
	return v
}

// searched sorts the numbers of SEARCH and takes out (MODSEQ n).
func searched(v []value) []value {
	for i := range v {
		if v[i].kind == 'l' && len(v[i].list) == 2 {
			v[i].list[1].text = "M"
		}
	}
	slices.SortStableFunc(v, func(a, b value) int {
		x, _ := strconv.Atoi(a.text)
		y, _ := strconv.Atoi(b.text)
		if a.kind == 'l' || b.kind == 'l' {
			return 0
		}
		return x - y
	})
	return v
}

// extendedSearch drops the tag and orders the results of ESEARCH.
func extendedSearch(v []value) []value {
	var head []value
	if len(v) > 0 && v[0].kind == 'l' {
		v = v[1:]
	}
	if len(v) > 0 && v[0].is("UID") {
		head, v = v[:1:1], v[1:]
	}
	return append(head, pairs(v, func(name string, v value) value {
		switch name {
		case "ALL":
			v.text = canonicalSet(v.text)
		case "MODSEQ":
			v.text = "M"
		}
		return v
	})...)
}

// numbers gives those of a set; nil when it is none.
func numbers(set string) (all []int) {
	for part := range strings.SplitSeq(set, ",") {
		a, b, ok := strings.Cut(part, ":")
		from, err := strconv.Atoi(a)
		to := from
		if ok && err == nil {
			to, err = strconv.Atoi(b)
		}
		if err != nil || max(from, to)-min(from, to) > 1<<20 {
			return nil
		}
		for n := min(from, to); n <= max(from, to); n++ {
			all = append(all, n)
		}
	}
	return all
}

// canonicalSet writes a set of numbers in order and in ranges.
func canonicalSet(set string) string {
	all := numbers(set)
	if all == nil {
		return set
	}
	slices.Sort(all)
	all = slices.Compact(all)
	var parts []string
	for i := 0; i < len(all); {
		j := i
		for j+1 < len(all) && all[j+1] == all[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, strconv.Itoa(all[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d:%d", all[i], all[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// fetchValue gives one form to the value of a FETCH item.
func fetchValue(name string, v value) value {
	switch name {
	case "FLAGS":
		return list(sorted(v.list))
	case "MODSEQ":
		return list([]value{{kind: 'a', text: "M"}})
	case "BODY", "BODYSTRUCTURE":
		return structure(v)
	case "INTERNALDATE", "SAVEDATE":
		at, err := time.Parse("_2-Jan-2006 15:04:05 -0700", v.text)
		if err != nil {
			return v
		}
		v.text = at.UTC().Format(time.RFC3339)
		if time.Since(at).Abs() < 24*time.Hour {
			v.text = "now"
		}
	}
	return v
}

// structure writes types, encodings and names of parameters in capitals, and
// us-ascii, in a BODYSTRUCTURE: their case means nothing.
func structure(v value) value {
	if v.kind != 'l' || len(v.list) == 0 {
		return v
	}
	i := 0
	for ; i < len(v.list) && v.list[i].kind == 'l'; i++ { // parts
		v.list[i] = structure(v.list[i])
	}
	if i > 0 {
		return extension(v, i, i+1)
	}
	capitals(v, 0)
	capitals(v, 1)
	capitals(v, 5)
	parameters(v, 2)
	md5 := 7
	switch kind := v.list[0].text + "/" + v.list[1].text; {
	case kind == "MESSAGE/RFC822" && len(v.list) > 8:
		v.list[8] = structure(v.list[8])
		md5 = 10
	case strings.HasPrefix(kind, "TEXT/"):
		md5 = 8
	}
	return extension(v, -1, md5)
}

// extension does the subtype of a multipart and, behind the parameters or MD5
// at i, the disposition.
func extension(v value, subtype, i int) value {
	if subtype >= 0 {
		capitals(v, subtype)
		parameters(v, i)
	}
	if i+1 < len(v.list) && v.list[i+1].kind == 'l' {
		capitals(v.list[i+1], 0)
		parameters(v.list[i+1], 1)
	}
	return v
}

func capitals(v value, i int) {
	if i < len(v.list) {
		v.list[i].text = strings.ToUpper(v.list[i].text)
	}
}

// parameters are in any order.
func parameters(v value, i int) {
	if i >= len(v.list) {
		return
	}
	for k, e := range v.list[i].list {
		if strings.EqualFold(e.text, "us-ascii") {
			capitals(v.list[i], k)
		}
	}
	v.list[i].list = pairs(v.list[i].list, func(_ string, v value) value { return v })
}
