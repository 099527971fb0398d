package differential

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// mailbox is what a connection knows of its selected mailbox: which messages
// the sequence numbers mean. Messages are numbered from 1 as they come.
type mailbox struct {
	messages []int
	last     int
	// changed is what the running command tells: FETCH items by message,
	// and other lines.
	fetched map[int]map[string]value
	gone    []int
	exists  bool
	// recent is the last RECENT; shown the last that an answer was left with.
	recent, shown int
	// byUID: with QRESYNC, messages go by UIDs, as soon as these are told;
	// until then by numbers below zero.
	byUID bool
}

// numbered takes `* n EXISTS` and the like; it is told at the end.
func (m *mailbox) numbered(n int, v []value) string {
	switch strings.ToUpper(v[0].text) {
	case "EXISTS":
		m.exists = true
		if n < len(m.messages) && !m.byUID {
			return fmt.Sprintf("EXISTS %d after %d without EXPUNGE", n, len(m.messages))
		}
		m.messages = m.messages[:min(n, len(m.messages))]
		for len(m.messages) < n {
			m.last++
			m.messages = append(m.messages, m.last)
			if m.byUID {
				m.messages[len(m.messages)-1] = -m.last
			}
		}
	case "RECENT":
		m.recent = n
	case "EXPUNGE":
		if n < 1 || n > len(m.messages) {
			return fmt.Sprintf("EXPUNGE %d of %d", n, len(m.messages))
		}
		id := m.messages[n-1]
		m.gone = append(m.gone, id)
		m.messages = append(m.messages[:n-1:n-1], m.messages[n:]...)
		delete(m.fetched, id)
	case "FETCH":
		return m.fetch(n, v[1].list)
	default:
		return fmt.Sprintf("%d %s", n, join(v))
	}
	return ""
}

func (m *mailbox) fetch(n int, items []value) string {
	if n < 1 || n > len(m.messages) {
		return fmt.Sprintf("FETCH %d of %d", n, len(m.messages))
	}
	for i := 0; i+1 < len(items); i += 2 {
		if items[i].is("UID") && m.byUID {
			m.messages[n-1], _ = strconv.Atoi(items[i+1].text)
		}
	}
	id := m.messages[n-1]
	if m.fetched == nil {
		m.fetched = map[int]map[string]value{}
	}
	if m.fetched[id] == nil {
		m.fetched[id] = map[string]value{}
	}
	for i := 0; i+1 < len(items); i += 2 {
		name := itemName(items[i].text)
		m.fetched[id][name] = fetchValue(name, items[i+1])
	}
	return ""
}

// vanished takes UIDs away.
func (m *mailbox) vanished(set string) {
	for _, uid := range numbers(set) {
		m.messages = slices.DeleteFunc(m.messages, func(id int) bool { return id == uid })
		delete(m.fetched, uid)
	}
}

// unknown tells that there are messages whose UIDs were not told.
func (m *mailbox) unknown() bool {
	return m.byUID && slices.ContainsFunc(m.messages, func(id int) bool { return id < 0 })
}

// itemName writes the name of an item without quotes, in capitals.
func itemName(s string) string { return strings.ToUpper(strings.ReplaceAll(s, `"`, "")) }

// told gives what the command told of messages and forgets it.
func (m *mailbox) told() []string {
	var out []string
	for id, items := range m.fetched {
		var v []value
		for name, item := range items {
			v = append(v, value{kind: 'a', text: name}, item)
		}
		out = append(out, fmt.Sprintf("FETCH #%d (%s)", id, join(pairs(v, func(_ string, v value) value { return v }))))
	}
	for _, id := range m.gone {
		out = append(out, fmt.Sprintf("EXPUNGE #%d", id))
	}
	if m.exists {
		out = append(out, fmt.Sprintf("EXISTS %d", len(m.messages)))
	}
	if m.recent != m.shown {
		out = append(out, fmt.Sprintf("RECENT %d", m.recent))
	}
	m.fetched, m.gone, m.exists, m.shown = nil, nil, false, m.recent
	return out
}
