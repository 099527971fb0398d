package zone

import "strings"

// about is what a record says of itself to people.
type about struct {
	kind        Kind
	need        Need
	why, breaks string
}

func (a about) record(name, typ, value string) Record {
	return Record{Name: name, Type: typ, Value: value, Zone: name + ". IN " + typ + " " + value,
		Kind: a.kind, Need: a.need, Why: a.why, Breaks: a.breaks}
}

// maxString is the longest character-string of a TXT record (RFC 1035 §3.3);
// longer values are several, which readers join (RFC 6376 §3.6.2.2, RFC 7208
// §3.3).
const maxString = 255

// txt makes a TXT record; value holds no quote and no backslash.
func (a about) txt(name, value string) Record {
	r := a.record(name, "TXT", value)
	var parts []string
	for rest := value; rest != ""; {
		n := min(len(rest), maxString)
		parts = append(parts, `"`+rest[:n]+`"`)
		rest = rest[n:]
	}
	text := strings.Join(parts, " ")
	if len(parts) > 1 {
		text = "( " + text + " )"
	}
	r.Zone = name + ". IN TXT " + text
	return r
}
