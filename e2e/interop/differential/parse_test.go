package differential

import (
	"fmt"
	"slices"
	"strings"

	"postroom/e2e/client"
)

// value is a piece of a response: an atom, a string (quoted or literal) or a
// list.
type value struct {
	kind rune // 'a', 's' or 'l'
	text string
	list []value
}

func (v value) is(atom string) bool { return v.kind == 'a' && strings.EqualFold(v.text, atom) }

// String shows v in one form for all ways to send it.
func (v value) String() string {
	switch v.kind {
	case 'l':
		var parts []string
		for _, e := range v.list {
			parts = append(parts, e.String())
		}
		return "(" + strings.Join(parts, " ") + ")"
	case 's':
		return fmt.Sprintf("%q", v.text)
	}
	return v.text
}

// parser reads values of one response.
type parser struct {
	text     string
	literals [][]byte
}

func parse(l client.Line) []value {
	p := &parser{l.Text, l.Literals}
	return p.values()
}

// values reads to the end, or to the parenthesis that closes.
func (p *parser) values() []value {
	var out []value
	for {
		p.text = strings.TrimLeft(p.text, " ")
		if p.text == "" {
			return out
		}
		if p.text[0] == ')' {
			p.text = p.text[1:]
			return out
		}
		out = append(out, p.value())
	}
}

func (p *parser) value() value {
	switch p.text[0] {
	case '(':
		p.text = p.text[1:]
		return value{kind: 'l', list: p.values()}
	case '"':
		return value{kind: 's', text: p.quoted()}
	}
	if i := strings.IndexByte(p.text, '}'); i > 0 && (p.text[0] == '{' || strings.HasPrefix(p.text, "~{")) && len(p.literals) > 0 {
		s := string(p.literals[0])
		p.literals, p.text = p.literals[1:], p.text[i+1:]
		return value{kind: 's', text: s}
	}
	return value{kind: 'a', text: p.atom()}
}

func (p *parser) quoted() string {
	var b strings.Builder
	for i := 1; i < len(p.text); i++ {
		switch p.text[i] {
		case '\\':
			i++
			if i < len(p.text) {
				b.WriteByte(p.text[i])
			}
		case '"':
			p.text = p.text[i+1:]
			return b.String()
		default:
			b.WriteByte(p.text[i])
		}
	}
	p.text = ""
	return b.String() + " (open)"
}

// atom takes what is in brackets along: BODY[HEADER.FIELDS (A B)]<0>.
func (p *parser) atom() string {
	depth := 0
	for i, r := range p.text {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		case ' ', '(', ')', '"':
			if depth == 0 {
				s := p.text[:i]
				p.text = p.text[i:]
				return s
			}
		}
	}
	s := p.text
	p.text = ""
	return s
}

// sorted gives list in the order of its elements' text.
func sorted(list []value) []value {
	return slices.SortedFunc(slices.Values(list), func(a, b value) int { return strings.Compare(a.String(), b.String()) })
}

// pairs sorts name-value pairs by name.
func pairs(list []value, each func(name string, v value) value) []value {
	type pair struct{ k, v value }
	var all []pair
	for i := 0; i+1 < len(list); i += 2 {
		k := list[i]
		k.text = strings.ToUpper(k.text)
		all = append(all, pair{k, each(k.text, list[i+1])})
	}
	slices.SortStableFunc(all, func(a, b pair) int { return strings.Compare(a.k.String(), b.k.String()) })
	var out []value
	for _, p := range all {
		out = append(out, p.k, p.v)
	}
	if len(list)%2 == 1 {
		out = append(out, list[len(list)-1])
	}
	return out
}
