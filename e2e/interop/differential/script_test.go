package differential

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"postroom/e2e/corpus"
)

// A script is what several connections of an account say, to both servers:
//
//	# comment
//	M name               a message; its lines follow, each after "| "
//	C1: SELECT INBOX     connection 1 sends a command, without its tag
//	N1: SELECT INBOX     … one that is not logged in
//	keep m1 modseq       {{$m1}} is the last modseq told (or uidvalidity)
//	no sync              the other connections do no NOOP after each command
//
// {{name}} is a message as a literal, {{corpus 7}} one of e2e/corpus,
// {{*100 x}} a hundred x.
func runScript(t *testing.T, p *pair, file string) {
	octets, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{messages: map[string][]byte{}, sync: true}
	for i, line := range strings.Split(string(octets), "\n") {
		where := fmt.Sprintf("%s:%d", filepath.Base(file), i+1)
		who, command, _ := strings.Cut(line, ": ")
		words := strings.Fields(line)
		switch {
		case line == "", line[0] == '#':
		case strings.HasPrefix(line, "M "):
			s.message = line[2:]
		case line[0] == '|':
			s.messages[s.message] = append(s.messages[s.message], strings.TrimPrefix(line[1:], " ")+"\r\n"...)
		case line == "no sync":
			s.sync = false
		case words[0] == "keep":
			for _, sv := range []*server{p.postroom, p.dovecot} {
				sv.vars[words[1]] = sv.vars[words[2]]
			}
		case line[0] == 'C' || line[0] == 'N':
			p.compare(t, where, who, s.expand(t, command))
			if s.sync && line[0] == 'C' {
				p.sync(t, where, who, slices.Sorted(maps.Keys(p.dovecot.conns)))
			}
		default:
			t.Fatalf("%s: not understood", where)
		}
	}
}

type script struct {
	message  string
	messages map[string][]byte
	sync     bool
}

// expand puts messages in for their names.
func (s *script) expand(t *testing.T, command string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(command, "{{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, _ := strings.Cut(rest, "}}")
		command = after
		b.WriteString(s.piece(t, name))
	}
}

func (s *script) piece(t *testing.T, name string) string {
	if strings.HasPrefix(name, "$") {
		return "{{" + name + "}}" // each server's own
	}
	if rest, ok := strings.CutPrefix(name, "*"); ok {
		count, what, _ := strings.Cut(rest, " ")
		n, _ := strconv.Atoi(count)
		return strings.Repeat(what, n)
	}
	msg, ok := s.messages[name]
	if rest, isCorpus := strings.CutPrefix(name, "corpus "); isCorpus {
		n, _ := strconv.Atoi(rest)
		msg, ok = corpus.Message(n, 0), true
	}
	if !ok {
		t.Fatalf("no message %q", name)
	}
	return fmt.Sprintf("{%d}\r\n%s%s", len(msg), pause, msg)
}
