package smtpd

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"postroom/internal/mail"
	"postroom/internal/sasl"
	"postroom/internal/sasl/sasltest"
)

// A transcript in testdata is run line by line against a real listener:
//
//	O: role=submission tls=implicit size=100   options of the server; with
//	   room its log-ins are those of a sasltest.Room
//	C: text          sent with CRLF
//	R: "quoted"      sent as it is
//	S: prefix        the next reply line begins so
//	S*: prefix       the next whole reply has a line that begins so
//	T:               the TLS handshake
//	X:               the server closes
//	N:               the connection is dropped and a new one made
//	M: <from> <to>,<to> "octets"   the next message that was accepted
//
// At the end no further message may have been accepted.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d transcripts, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			runTranscript(t, strings.Split(string(b), "\n"))
		})
	}
}

type transcript struct {
	t        *testing.T
	server   *running
	c        *client
	implicit bool
	room     bool
	seen     int // messages checked
}

func runTranscript(t *testing.T, lines []string) {
	x := &transcript{t: t}
	cfg := Config{}
	for _, l := range lines {
		if o, ok := strings.CutPrefix(l, "O:"); ok {
			x.options(&cfg, o)
		}
	}
	x.server = startWith(t, cfg, x.implicit, x.authenticator())
	x.connect()
	for n, l := range lines {
		op, arg, _ := strings.Cut(l, ":")
		if l == "" || strings.HasPrefix(l, "#") || op == "O" {
			continue
		}
		arg = strings.TrimPrefix(arg, " ")
		if err := x.step(op, arg); err != nil {
			t.Fatalf("line %d: %s: %v", n+1, l, err)
		}
	}
	if all := x.server.backend.all(); len(all) != x.seen {
		t.Errorf("%d messages were accepted, %d expected; the last: %+v", len(all), x.seen, all[len(all)-1])
	}
}

func (x *transcript) authenticator() sasl.Authenticator {
	if x.room {
		return sasltest.NewRoom(x.t)
	}
	return verifier{}
}

func (x *transcript) options(c *Config, s string) {
	for _, o := range strings.Fields(s) {
		k, v, _ := strings.Cut(o, "=")
		n, _ := strconv.Atoi(v)
		switch k {
		case "role":
			if v == "submission" {
				c.Role = mail.RoleSubmission
			}
		case "tls":
			x.implicit = v == "implicit"
		case "size":
			c.MaxMessageSize = int64(n)
		case "recipients":
			c.Limits.Recipients = n
		case "messages":
			c.Limits.Messages = n
		case "junk":
			c.Limits.Junk = n
		case "soft":
			c.Limits.SoftErrors = n
		case "hard":
			c.Limits.HardErrors = n
		case "commands":
			c.Limits.Commands = n
		case "bodyline":
			c.Limits.BodyLine = n
		case "header":
			c.Limits.Header = n
		case "authwithouttls":
			c.AuthWithoutTLS = true
		case "room":
			x.room = true
		case "literals":
			c.AddressLiterals = true
		default:
			x.t.Fatalf("option %q", o)
		}
	}
}

func (x *transcript) connect() {
	x.c = x.server.dial()
	if x.implicit {
		x.c.startTLS()
	}
}

func (x *transcript) step(op, arg string) error {
	switch op {
	case "C":
		x.c.send(arg + "\r\n")
	case "R":
		s, err := strconv.Unquote(arg)
		if err != nil {
			return err
		}
		x.c.send(s)
	case "S":
		if got := x.c.line(); !strings.HasPrefix(got, arg) {
			return fmt.Errorf("got %q", got)
		}
	case "S*":
		if got := x.c.reply(); !strings.Contains("\n"+got, "\n"+arg) {
			return fmt.Errorf("got %q", got)
		}
	case "T":
		x.c.startTLS()
	case "X":
		x.c.closed()
	case "N":
		x.c.conn.Close()
		x.connect()
	case "M":
		return x.message(arg)
	default:
		return fmt.Errorf("no such step")
	}
	return nil
}

func (x *transcript) message(want string) error {
	all := x.server.backend.all()
	if len(all) <= x.seen {
		return fmt.Errorf("no message was accepted")
	}
	m := all[x.seen]
	x.seen++
	var to []string
	for _, r := range m.env.Recipients {
		to = append(to, "<"+r.Address.String()+">")
	}
	got := fmt.Sprintf("<%s> %s %q", m.env.From, strings.Join(to, ","), m.octets)
	if got != want {
		return fmt.Errorf("got %s", got)
	}
	return nil
}
