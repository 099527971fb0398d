package differential

import (
	"fmt"
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
	// recent is the last one told; said, unless it was told before.
	recent     int
	saidRecent bool
	// lost: after VANISHED, sequence numbers mean nothing here.
	lost bool
}

// numbered takes `* n EXISTS` and the like; it is told at the end.
func (m *mailbox) numbered(n int, v []value) string {
	switch strings.ToUpper(v[0].text) {
	case "EXISTS":
		m.exists = true
		for len(m.messages) < n {
			m.last++
			m.messages = append(m.messages, m.last)
		}
		if n < len(m.messages) {
			if !m.lost {
				return fmt.Sprintf("EXISTS %d after %d without EXPUNGE", n, len(m.messages))
			}
			m.messages = m.messages[:n]
		}
	case "RECENT":
		m.saidRecent = m.saidRecent || m.recent != n
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

// itemName writes the name of an item without quotes, in capitals.
func itemName(s string) string { return strings.ToUpper(strings.ReplaceAll(s, `"`, "")) }

// vanished takes UIDs away, whose sequence numbers are not known here.
func (m *mailbox) vanished(string) { m.lost = true }

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
	if m.saidRecent {
		out = append(out, fmt.Sprintf("RECENT %d", m.recent))
	}
	m.fetched, m.gone, m.exists, m.saidRecent = nil, nil, false, false
	return out
}
