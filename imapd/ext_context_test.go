package imapd_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// follower keeps results as it is told of their changes.
type follower struct {
	*client
	results map[string][]int // UIDs by the tag of the search
}

var (
	esearchLine = regexp.MustCompile(`^\* ESEARCH \(TAG "(\w+)"\) UID(?: ALL (\S+))?(?: (ADDTO|REMOVEFROM) \((.*)\))?$`)
	kept        = []struct{ tag, sort, keys string }{
		{"flag", "", "FLAGGED UNDELETED"}, {"text", "", "OR SUBJECT b SEEN"}, {"numbers", "", "UID 3:* NOT SEEN"},
		{"subject", "(SUBJECT REVERSE ARRIVAL) UTF-8 ", "UNSEEN"}, {"size", "(REVERSE SUBJECT) UTF-8 ", "FLAGGED"},
	}
)

// run sends a command and reads to its end; it gives what a search found.
func (f *follower) run(t *testing.T, tag, text string) (all []int) {
	t.Helper()
	f.write(t, tag+" "+text+"\r\n")
	for {
		l := f.line(t)
		if m := esearchLine.FindStringSubmatch(l); m != nil {
			switch m[3] {
			case "":
				all = numbersIn(t, m[2])
			default:
				f.change(t, m[1], m[3], strings.Fields(m[4]))
			}
		}
		if text == "IDLE" && strings.HasPrefix(l, "+ ") {
			f.write(t, "DONE\r\n")
		}
		if strings.HasPrefix(l, tag+" ") {
			if strings.Contains(l, " BAD ") {
				t.Fatalf("%s: %s", text, l)
			}
			return all
		}
	}
}

// change applies the pairs of ADDTO or REMOVEFROM.
func (f *follower) change(t *testing.T, tag, what string, pairs []string) {
	t.Helper()
	list := f.results[tag]
	for i := 0; i+1 < len(pairs); i += 2 {
		at, _ := strconv.Atoi(pairs[i])
		set := numbersIn(t, pairs[i+1])
		switch {
		case what == "ADDTO" && at == 0:
			list = append(list, set...)
			slices.Sort(list)
		case what == "ADDTO":
			list = slices.Insert(list, at-1, set...)
		case at == 0:
			list = slices.DeleteFunc(list, func(u int) bool { return slices.Contains(set, u) })
		default:
			if !slices.Equal(list[at-1:at-1+len(set)], set) {
				t.Fatalf("%s: REMOVEFROM of %v at %d, but there is %v", tag, set, at, list)
			}
			list = slices.Delete(list, at-1, at-1+len(set))
		}
	}
	f.results[tag] = list
}

func numbersIn(t *testing.T, set string) (out []int) {
	t.Helper()
	if set == "" {
		return nil
	}
	for r := range strings.SplitSeq(set, ",") {
		lo, hi, ok := strings.Cut(r, ":")
		a, err := strconv.Atoi(lo)
		b := a
		if ok {
			b, _ = strconv.Atoi(hi)
		}
		if err != nil || b < a {
			t.Fatalf("bad set %q", set)
		}
		for n := a; n <= b; n++ {
			out = append(out, n)
		}
	}
	return out
}

func searchText(sort, keys, options string) string {
	if sort == "" {
		return "UID SEARCH RETURN (" + options + ") " + keys
	}
	return "UID SORT RETURN (" + options + ") " + sort + keys
}

// A client that applies every ADDTO and REMOVEFROM has at rest what a new
// search finds, whatever it and others do to the mailbox.
func TestLiveSearchesAgree(t *testing.T) {
	b := newBackend(t)
	_, addr := serve(t, b.config(), false)
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		user := fmt.Sprintf("ann%d@example.test", seed)
		b.account(t, user)
		var clients []*follower
		for range 3 {
			f := &follower{client: dial(t, addr), results: map[string][]int{}}
			f.login(t, user)
			f.run(t, "s", "SELECT INBOX")
			clients = append(clients, f)
		}
		watching := clients[0]
		for _, k := range kept {
			watching.results[k.tag] = watching.run(t, k.tag, searchText(k.sort, k.keys, "UPDATE ALL"))
		}
		for i := range 200 {
			clients[rnd.IntN(3)].run(t, fmt.Sprintf("r%d", i), liveCommand(rnd))
			if i%10 != 9 {
				continue
			}
			watching.run(t, "n", "NOOP")
			for _, k := range kept {
				found := watching.run(t, "f", searchText(k.sort, k.keys, "ALL"))
				if got := watching.results[k.tag]; !slices.Equal(got, found) {
					t.Fatalf("seed %d after %d commands: %s is %v, but there is %v", seed, i, k.tag, got, found)
				}
			}
		}
	}
}

func liveCommand(rnd *rand.Rand) string {
	flag := []string{`\Seen`, `\Flagged`, `\Deleted`, `$Key`}[rnd.IntN(4)]
	sign := []string{"+", "-", ""}[rnd.IntN(3)]
	set := fmt.Sprintf("%d:%d", 1+rnd.IntN(60), 1+rnd.IntN(60))
	switch rnd.IntN(10) {
	case 0, 1, 2:
		return fmt.Sprintf("APPEND INBOX (%s) {14+}\r\nSubject: %c\r\n\r\n", flag, 'a'+rune(rnd.IntN(4)))
	case 3:
		return "EXPUNGE"
	case 4:
		return "UID COPY " + set + " INBOX"
	case 5:
		return "SORT (SIZE) UTF-8 UNSEEN"
	case 6:
		return "IDLE"
	case 7:
		return "SEARCH ALL"
	}
	return fmt.Sprintf("UID STORE %s %sFLAGS.SILENT (%s)", set, sign, flag)
}
