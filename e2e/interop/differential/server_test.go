package differential

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

// server is one of the two, as one account sees it.
type server struct {
	name  string
	dial  func() (*client.IMAP, error)
	user  string
	pass  string
	conns map[string]*conn
	// vars are {{$uidvalidity}} and {{$modseq}}, the last ones told, and
	// what a script kept of them.
	vars map[string]string
}

type conn struct {
	*client.IMAP
	box mailbox
	tag int
}

// pair is both servers with an empty account.
type pair struct {
	postroom, dovecot *server
	accepted          *table
	// crashes: Dovecot's process may end, which ends the round; ended says so.
	crashes, ended bool
}

// dovecotSettings make a Dovecot with the mailboxes of a new postroom account
// and all that its imap can do.
const dovecotSettings = `mail_location = sdbox:~/box
auth_failure_delay = 0
mail_attribute_dict = file:%h/attributes
mailbox_list_index = yes
namespace inbox {
  inbox = yes
  separator = /
  mailbox Archive {
    auto = subscribe
    special_use = \Archive
  }
  mailbox Drafts {
    auto = subscribe
    special_use = \Drafts
  }
  mailbox Junk {
    auto = subscribe
    special_use = \Junk
  }
  mailbox Sent {
    auto = subscribe
    special_use = \Sent
  }
  mailbox Trash {
    auto = subscribe
    special_use = \Trash
  }
  mailbox INBOX {
    auto = subscribe
  }
}
protocol imap {
  imap_metadata = yes
  mail_max_userip_connections = 100
}
`

const domain = "example.test"

// world is the two running servers.
type world struct {
	postroom *testbed.Instance
	dovecot  string
	accounts int
	accepted *table
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{dovecot: testbed.Dovecot(t, dovecotSettings), postroom: testbed.Company(t, testbed.Options{}, domain)}
	w.accepted = newTable()
	return w
}

// pair gives a new account on both.
func (w *world) pair(t *testing.T) *pair {
	t.Helper()
	w.accounts++
	user := fmt.Sprintf("u%d@%s", w.accounts, domain)
	if err := w.postroom.AddAccount(user, testbed.Password); err != nil {
		t.Fatal(err)
	}
	cfg, err := w.postroom.TLS()
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{accepted: w.accepted,
		postroom: newServer("postroom", user, testbed.Password, func() (*client.IMAP, error) { return client.DialIMAP(w.postroom.Ports.IMAPS, cfg) }),
		dovecot:  newServer("dovecot", user, testbed.DovecotPassword, func() (*client.IMAP, error) { return client.DialIMAP(w.dovecot, nil) })}
	t.Cleanup(func() { p.postroom.close(); p.dovecot.close() })
	return p
}

func newServer(name, user, pass string, dial func() (*client.IMAP, error)) *server {
	return &server{name: name, user: user, pass: pass, dial: dial, conns: map[string]*conn{}, vars: map[string]string{}}
}

func (s *server) close() {
	for _, c := range s.conns {
		c.Close()
	}
}

// conn gives a connection by its name; those that begin with N are not logged in.
func (s *server) conn(name string) (*conn, error) {
	if c := s.conns[name]; c != nil {
		return c, nil
	}
	i, err := s.dial()
	if err != nil {
		return nil, err
	}
	i.Timeout = 20 * time.Second
	s.conns[name] = &conn{IMAP: i}
	if !strings.HasPrefix(name, "N") {
		err = i.Login(s.user, s.pass)
	}
	return s.conns[name], err
}

// run sends a command and gives what came, normalised; raw is what came as it
// was.
func (s *server) run(name, command string) (a answer, raw []string, err error) {
	c, err := s.conn(name)
	if err != nil {
		return nil, nil, err
	}
	command = s.fill(command)
	switch verb, rest, _ := strings.Cut(strings.ToUpper(command), " "); {
	case verb == "SELECT" || verb == "EXAMINE":
		c.box = mailbox{byUID: c.box.byUID, shown: -1, recent: -1}
	case verb == "ENABLE" && strings.Contains(rest, "QRESYNC"):
		c.box = mailbox{byUID: true}
	}
	c.tag++
	tag := fmt.Sprintf("x%d", c.tag)
	lines, tagged, err := c.say(tag, strings.Split(command, pause))
	for _, l := range append(lines, client.Line{Text: tagged}) {
		raw = append(raw, show(l))
		s.learn(l.Text)
	}
	if err != nil {
		delete(s.conns, name)
		c.Close()
		return normalise(&c.box, command, lines, "EOF"), raw, nil
	}
	return normalise(&c.box, command, lines, tagged), raw, nil
}

// pause in a command: what follows is sent when the server says "+".
const pause = "\x00"

// say sends a command piece by piece and reads to the tagged line; what waits
// for more at the end, as IDLE does, is told DONE.
func (c *conn) say(tag string, pieces []string) (lines []client.Line, tagged string, err error) {
	pieces[0] = tag + " " + pieces[0]
	pieces[len(pieces)-1] += "\r\n"
	for _, piece := range append(pieces, "DONE\r\n") {
		if _, err := c.Write([]byte(piece)); err != nil {
			return lines, "", err
		}
		var l []client.Line
		l, tagged, err = c.until(tag)
		if lines = append(lines, l...); err != nil || tagged != "" {
			return lines, tagged, err
		}
	}
	return lines, "waits for more", nil
}

// until reads to the tagged line, or to one that begins with "+".
func (c *conn) until(tag string) (lines []client.Line, tagged string, err error) {
	for {
		l, err := c.ReadLine()
		if err != nil {
			return lines, "", err
		}
		if rest, ok := strings.CutPrefix(l.Text, tag+" "); ok {
			return lines, rest, nil
		}
		if strings.HasPrefix(l.Text, "+") {
			return lines, "", nil
		}
		lines = append(lines, l)
	}
}

func show(l client.Line) string {
	s := l.Text
	for _, p := range l.Literals {
		s += fmt.Sprintf(" %.300q", p)
	}
	return s
}

var told = regexp.MustCompile(`\b(UIDVALIDITY|HIGHESTMODSEQ|MODSEQ) \(?([0-9]+)`)

// learn keeps UIDVALIDITY and the highest modseq told.
func (s *server) learn(text string) {
	for _, m := range told.FindAllStringSubmatch(text, -1) {
		name := "modseq"
		if m[1] == "UIDVALIDITY" {
			name = "uidvalidity"
		}
		s.vars[name] = m[2]
	}
}

var placeholder = regexp.MustCompile(`\{\{\$(\w+)\}\}`)

func (s *server) fill(command string) string {
	return placeholder.ReplaceAllStringFunc(command, func(m string) string {
		return s.vars[placeholder.FindStringSubmatch(m)[1]]
	})
}

// compare runs a command on both and reports what differs and is not accepted.
func (p *pair) compare(t testing.TB, where, conn, command string) bool {
	t.Helper()
	mine, mineRaw, err := p.postroom.run(conn, command)
	if err != nil {
		t.Fatalf("%s: %s: postroom: %v", where, conn, err)
	}
	theirs, theirsRaw, err := p.dovecot.run(conn, command)
	if err != nil {
		t.Fatalf("%s: %s: dovecot: %v", where, conn, err)
	}
	if p.crashes && theirs[len(theirs)-1] == "EOF" && mine[len(mine)-1] != "EOF" {
		p.ended = true
		return false
	}
	d := p.accepted.explain(command, difference(mine, theirs))
	if d.empty() {
		return true
	}
	t.Errorf("%s: %s: %.200s\n%s", where, conn, command, d)
	if testing.Verbose() {
		t.Logf("postroom:\n%s\ndovecot:\n%s", strings.Join(mineRaw, "\n"), strings.Join(theirsRaw, "\n"))
	}
	return false
}

// sync lets every other connection of a pair see what conn did.
func (p *pair) sync(t testing.TB, where, conn string, others []string) bool {
	t.Helper()
	same := true
	for _, o := range others {
		if o != conn {
			same = p.compare(t, where+" (after it)", o, "NOOP") && same
		}
	}
	return same
}
