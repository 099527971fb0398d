package config

import (
	"fmt"

	"postroom/internal/mail"
)

func unknownKey(where, name string) error {
	e := mail.Errorf(mail.CodeInvalid, "%s: unknown key %q", where, name)
	e.Hint = "postroom config lists every key"
	best, dist := "", 4
	for _, k := range keys {
		if d := distance(name, k.name); d < dist {
			best, dist = k.name, d
		}
	}
	if best != "" {
		e.Hint = fmt.Sprintf("did you mean %s? %s", best, e.Hint)
	}
	return e
}

func valueError(k key, where, value string, err error) error {
	if k.name == "database_url" {
		value = redactURL(value)
	}
	e := mail.Errorf(mail.CodeInvalid, "%s: %s = %q: %v", where, k.name, value, err)
	e.Hint = k.name + ": " + k.about
	return e
}

// distance counts the edits between two names (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, cost)
		}
	}
	return row[len(b)]
}
