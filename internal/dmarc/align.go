package dmarc

import (
	"context"

	"postroom/internal/address"
)

// seen is what a set of identifiers says about the author domain.
type seen int

const (
	nothing seen = iota
	unclear      // one that aligns, or may, cannot be judged for now
	passes
)

// alignment compares identifiers with one author domain.
type alignment struct {
	records
	author string
	org    string // of the author; "" until it is needed
}

// check gives the best of the identifiers. One whose check failed for good
// says nothing; one whose check is open counts only if it would align.
func (a *alignment) check(ctx context.Context, strict bool, ids ...Identifier) seen {
	best := nothing
	for _, id := range ids {
		if id.Status != "pass" && id.Status != "temperror" {
			continue
		}
		domain, err := address.Name(id.Domain)
		if err != nil {
			continue
		}
		aligned, err := a.aligned(ctx, domain, strict)
		switch {
		case err == nil && !aligned:
		case err == nil && id.Status == "pass":
			return passes
		default:
			best = unclear
		}
	}
	return best
}

// aligned is RFC 9989 §4.10.2: the same name, or in relaxed mode the same
// organizational domain. An identifier outside the author's organization is
// known without a question: its own organization is above it or itself.
func (a *alignment) aligned(ctx context.Context, id string, strict bool) (bool, error) {
	if id == a.author || strict {
		return id == a.author, nil
	}
	if a.org == "" {
		found, err := a.walk(ctx, a.author)
		if err != nil {
			return false, err
		}
		a.org = organization(a.author, found)
	}
	if !within(id, a.org) || id == a.org {
		return id == a.org, nil
	}
	found, err := a.walk(ctx, id)
	if err != nil {
		return false, err
	}
	return organization(id, found) == a.org, nil
}
