package store

import (
	"testing"

	"postroom/internal/mail"
)

// Pieces hold at most sliceRows UIDs, and together what was cut.
func TestCutByUID(t *testing.T) {
	for _, set := range []mail.UIDSet{
		nil, {{Lo: 1, Hi: 1}}, {{Lo: 1, Hi: sliceRows}}, {{Lo: 1, Hi: sliceRows + 1}}, {{Lo: 5, Hi: 5 * sliceRows}},
		{{Lo: 1, Hi: 10}, {Lo: 20, Hi: sliceRows + 9}, {Lo: sliceRows + 20, Hi: sliceRows + 20}},
		{{Lo: 1<<32 - sliceRows - 1, Hi: 1<<32 - 1}}, {{Lo: 1<<32 - sliceRows, Hi: 1<<32 - 1}},
	} {
		var all mail.UIDSet
		for _, part := range cutByUID(set, sliceRows) {
			if n := part.Len(); n == 0 || n > sliceRows {
				t.Errorf("%v: a piece of %d", set, n)
			}
			appendSet(&all, part)
		}
		if all.String() != set.String() {
			t.Errorf("%v was cut into %v", set, all)
		}
	}
}
