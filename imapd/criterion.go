package imapd

import (
	"context"
	"sort"

	"postroom/internal/mail"
)

// verdict is what a criterion says of a message, as far as it is known.
type verdict int8

const (
	unknown verdict = iota // the row is needed
	matches
	fails
)

func verdictOf(ok bool) verdict {
	if ok {
		return matches
	}
	return fails
}

// candidate is a message that SEARCH looks at: first what the snapshot knows,
// then the row, then its octets.
type candidate struct {
	seq   uint32
	flags mail.MessageFlags
	row   *mail.MessageRow // nil in the first pass
	body  *body
	cheap bool // octets are not to be read yet
}

// criterion is one search key. Cheap ones are asked first.
type criterion struct {
	cost int // 0: snapshot, 1: row, 2: header fields, 3: octets
	// cheapCols is what its keys need that cost less than octets; cheap tells
	// whether there is such a key.
	cheapCols mail.Columns
	cheap     bool
	cols      mail.Columns
	eval      func(context.Context, *candidate) (verdict, error)
}

// Costs.
const (
	costSnapshot = iota
	costRow
	costFields
	costOctets
)

// onSnapshot is a criterion that the snapshot answers.
func onSnapshot(match func(*candidate) bool) criterion {
	return criterion{eval: func(_ context.Context, c *candidate) (verdict, error) { return verdictOf(match(c)), nil }}
}

// onRow is a criterion that needs columns of the row.
func onRow(cost int, cols mail.Columns, match func(context.Context, *candidate) (bool, error)) criterion {
	k := criterion{cost: cost, cols: cols, eval: func(ctx context.Context, c *candidate) (verdict, error) {
		if c.row == nil || c.cheap && cost == costOctets {
			return unknown, nil
		}
		ok, err := match(ctx, c)
		return verdictOf(ok), err
	}}
	if cost < costOctets {
		k.cheap, k.cheapCols = true, cols
	}
	return k
}

// allOf is the conjunction of keys.
func allOf(keys []criterion) criterion {
	if len(keys) == 1 {
		return keys[0]
	}
	return combine(keys, fails, matches)
}

// anyOf is OR.
func anyOf(keys []criterion) criterion { return combine(keys, matches, fails) }

// combine asks keys in the order of their cost until one says decisive.
func combine(keys []criterion, decisive, otherwise verdict) criterion {
	sort.SliceStable(keys, func(i, j int) bool { return keys[i].cost < keys[j].cost })
	out := criterion{}
	for _, k := range keys {
		out.cost = max(out.cost, k.cost)
		out.cols |= k.cols
		out.cheap = out.cheap || k.cheap
		out.cheapCols |= k.cheapCols
	}
	out.eval = func(ctx context.Context, c *candidate) (verdict, error) {
		open := false
		for _, k := range keys {
			v, err := k.eval(ctx, c)
			if err != nil {
				return unknown, err
			}
			if v == decisive {
				return decisive, nil
			}
			open = open || v == unknown
		}
		if open {
			return unknown, nil
		}
		return otherwise, nil
	}
	return out
}

// not is NOT.
func not(k criterion) criterion {
	eval := k.eval
	k.eval = func(ctx context.Context, c *candidate) (verdict, error) {
		v, err := eval(ctx, c)
		switch v {
		case matches:
			v = fails
		case fails:
			v = matches
		}
		return v, err
	}
	return k
}
