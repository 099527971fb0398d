package differential

import (
	"fmt"
	"math/bits"
	"regexp"
	"slices"
	"strings"
)

// accepted is a difference that stays: at Command, postroom says Postroom where
// Dovecot says Dovecot. All are regular expressions of whole lines as the
// normaliser writes them; "" stands for no line. With Part they are pieces of
// lines: without these both say the same; what the first group matches stays.
type accepted struct {
	Name              string // as docs/imap.md names it
	Command           string
	Postroom, Dovecot string
	Part              bool
}

// table is differences, compiled, and which of them came.
type table struct {
	rows []row
	hits map[string]int
}

type row struct {
	accepted
	command, postroom, dovecot *regexp.Regexp
}

func newTable() *table {
	t := &table{hits: map[string]int{}}
	for _, d := range differences {
		line := whole
		if d.Part {
			line = piece
		}
		t.rows = append(t.rows, row{d, whole(d.Command), line(d.Postroom), line(d.Dovecot)})
	}
	return t
}

func whole(re string) *regexp.Regexp { return regexp.MustCompile(`(?is)^(?:` + re + `)$`) }

func piece(re string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + re) }

// diff is what only one of both says.
type diff struct{ postroom, dovecot []string }

func (d diff) empty() bool { return len(d.postroom)+len(d.dovecot) == 0 }

// String shows the lines, of two that answer each other only where they differ.
func (d diff) String() string {
	var b strings.Builder
	paired := len(d.postroom) == len(d.dovecot)
	for i, l := range d.postroom {
		from := 0
		if paired {
			from = max(0, commonPrefix(l, d.dovecot[i])-60)
		}
		fmt.Fprintf(&b, "  postroom: %.300s\n", l[from:])
	}
	for i, l := range d.dovecot {
		from := 0
		if paired {
			from = max(0, commonPrefix(l, d.postroom[i])-60)
		}
		fmt.Fprintf(&b, "  dovecot:  %.300s\n", l[from:])
	}
	return b.String()
}

func commonPrefix(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// difference compares two answers as bags of lines.
func difference(postroom, dovecot answer) diff {
	d := diff{slices.Clone(postroom), nil}
	for _, l := range dovecot {
		if i := slices.Index(d.postroom, l); i >= 0 {
			d.postroom = slices.Delete(d.postroom, i, i+1)
		} else {
			d.dovecot = append(d.dovecot, l)
		}
	}
	return d
}

// explain takes the accepted differences out of d.
func (t *table) explain(command string, d diff) diff {
	d = t.pieces(command, d)
	for _, r := range t.rows {
		for !r.Part && !d.empty() && r.command.MatchString(command) && r.take(&d) {
			t.hits[r.Name]++
		}
	}
	return d
}

// pieces takes out the lines that are the same but for accepted pieces.
func (t *table) pieces(command string, d diff) diff {
	left := diff{dovecot: slices.Clone(d.dovecot)}
	for _, mine := range d.postroom {
		i := slices.IndexFunc(left.dovecot, func(theirs string) bool { return t.same(command, mine, theirs) })
		if i < 0 {
			left.postroom = append(left.postroom, mine)
			continue
		}
		left.dovecot = slices.Delete(left.dovecot, i, i+1)
	}
	return left
}

// same tells whether two lines agree without the pieces of some rows: of as few
// as possible, which are hit.
func (t *table) same(command, mine, theirs string) bool {
	var rows []row
	for _, r := range t.rows {
		if r.Part && r.command.MatchString(command) && (r.cut(mine, r.postroom) != mine || r.cut(theirs, r.dovecot) != theirs) {
			rows = append(rows, r)
		}
	}
	for n := range len(rows) {
		for set := range 1 << len(rows) {
			if bits.OnesCount(uint(set)) != n+1 {
				continue
			}
			a, b := mine, theirs
			for i, r := range rows {
				if set&(1<<i) != 0 {
					a, b = r.cut(a, r.postroom), r.cut(b, r.dovecot)
				}
			}
			if a == b {
				for i, r := range rows {
					t.hits[r.Name] += set >> i & 1
				}
				return true
			}
		}
	}
	return false
}

var spaces = strings.NewReplacer("( ", "(", " )", ")")

// cut takes the pieces of re out of a line.
func (r row) cut(line string, re *regexp.Regexp) string {
	if re.String() == piece("").String() || !re.MatchString(line) {
		return line
	}
	return spaces.Replace(strings.Join(strings.Fields(re.ReplaceAllString(line, "$1")), " "))
}

// take removes one line from each side that r speaks of.
func (r row) take(d *diff) bool {
	i, ok := find(d.postroom, r.accepted.Postroom, r.postroom)
	k, ok2 := find(d.dovecot, r.accepted.Dovecot, r.dovecot)
	if !ok || !ok2 {
		return false
	}
	if i >= 0 {
		d.postroom = slices.Delete(d.postroom, i, i+1)
	}
	if k >= 0 {
		d.dovecot = slices.Delete(d.dovecot, k, k+1)
	}
	return true
}

// find gives the line of lines that re matches; -1 where none is wanted.
func find(lines []string, wanted string, re *regexp.Regexp) (int, bool) {
	if wanted == "" {
		return -1, true
	}
	i := slices.IndexFunc(lines, re.MatchString)
	return i, i >= 0
}
