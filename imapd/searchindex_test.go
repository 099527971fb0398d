package imapd_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode"

	"postroom/e2e/corpus"
	"postroom/imapd"
	"postroom/internal/indexer"
	"postroom/internal/mail"
	"postroom/store"
)

// scanning is a store whose index says nothing: every search reads every
// message.
type scanning struct{ imapd.Store }

func (scanning) SearchCandidates(context.Context, mail.AccountID, mail.MailboxID, []int32, int) (mail.UIDSet, bool, error) {
	return nil, false, nil
}

// narrowing counts how often the index was asked, and how many of the first
// 64 messages it left out. It may always speak.
type narrowing struct {
	imapd.Store
	asked, leftOut int
}

func (n *narrowing) SearchCandidates(ctx context.Context, a mail.AccountID, m mail.MailboxID, grams []int32, _ int) (mail.UIDSet, bool, error) {
	set, ok, err := n.Store.SearchCandidates(ctx, a, m, grams, 1<<20)
	n.asked++
	n.leftOut += 64 - int(set.Intersect(mail.UIDSet{{Lo: 1, Hi: 64}}).Len())
	return set, ok, err
}

// killed ends a worker after some batches, as a kill does.
type killed struct {
	*store.Store
	after int
}

var errKilled = errors.New("killed")

func (k *killed) SaveIndexed(ctx context.Context, a mail.AccountID, m mail.MailboxID, upTo mail.UID, e []mail.SearchEntry) error {
	if k.after--; k.after < 0 {
		return errKilled
	}
	return k.Store.SaveIndexed(ctx, a, m, upTo, e)
}

// index runs a worker for some batches.
func (b *backend) index(t *testing.T, batches int) {
	t.Helper()
	w := indexer.New(&killed{b.store, batches}, nil, slog.New(slog.DiscardHandler))
	if _, err := w.Round(t.Context()); err != nil && !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
}

// Whatever the index knows, a search finds what it finds by reading every
// message: in random mail, while the index stops anywhere, and while another
// session copies and expunges what this one still shows.
func TestIndexedSearchFindsWhatScanningFinds(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	with := &narrowing{Store: b.store}
	c := b.config()
	c.Store = with
	_, addr := serve(t, c, false)
	c.Store = scanning{b.store}
	_, plainAddr := serve(t, c, false)
	indexed, plain, other := dial(t, addr), dial(t, plainAddr), dial(t, addr)
	for _, cl := range []*client{indexed, plain, other} {
		_ = cl.SetDeadline(time.Now().Add(4 * time.Minute))
		cl.login(t, "ann@example.test")
		cl.ok(t, "SELECT INBOX")
	}
	// These search INBOX and, with the same program, a mailbox too small to ask
	// the index about.
	indexedBoth, plainBoth := dial(t, addr), dial(t, plainAddr)
	for _, cl := range []*client{indexedBoth, plainBoth} {
		_ = cl.SetDeadline(time.Now().Add(4 * time.Minute))
		cl.login(t, "ann@example.test")
	}
	other.ok(t, "CREATE Few")
	rnd := rand.New(rand.NewPCG(7, 7))
	var texts []string
	for round := range 4 {
		for range 70 {
			text := randomMail(rnd)
			texts = append(texts, text)
			other.ok(t, fmt.Sprintf("APPEND INBOX {%d+}\r\n%s", len(text), text))
		}
		other.ok(t, "COPY 60:62 Few")
		indexed.ok(t, "NOOP")
		plain.ok(t, "NOOP")
		disturb(t, rnd, other)
		b.index(t, rnd.IntN(3))
		for range 60 {
			key := randomKey(rnd, texts)
			got, want := indexed.ok(t, "SEARCH CHARSET UTF-8 "+key), plain.ok(t, "SEARCH CHARSET UTF-8 "+key)
			if got != want {
				t.Errorf("round %d, %q:\n with the index %s\n without        %s", round, key, got, want)
			}
			both := "ESEARCH IN (MAILBOXES (INBOX Few)) RETURN (ALL) CHARSET UTF-8 " + key
			if got, want := indexedBoth.ok(t, both), plainBoth.ok(t, both); got != want {
				t.Errorf("round %d, %q in two mailboxes:\n with the index %s\n without        %s", round, key, got, want)
			}
		}
	}
	if with.asked < 100 || with.leftOut < 20*with.asked {
		t.Errorf("asked %d times, the index left out %d messages: this shows nothing", with.asked, with.leftOut)
	}
}

// ok sends a command, wants OK, and gives what came before it.
func (c *client) ok(t *testing.T, command string) string {
	t.Helper()
	c.write(t, "k "+command+"\r\n")
	lines := c.until(t, "k ")
	if !strings.HasPrefix(lines[len(lines)-1], "k OK") {
		t.Fatalf("%.200q: %s", command, lines[len(lines)-1])
	}
	return strings.Join(lines[:len(lines)-1], "\n")
}

// disturb copies some messages and expunges others.
func disturb(t *testing.T, rnd *rand.Rand, c *client) {
	t.Helper()
	c.ok(t, fmt.Sprintf("COPY %d:%d INBOX", 1+rnd.IntN(5), 6+rnd.IntN(10)))
	for range 8 {
		c.ok(t, fmt.Sprintf("STORE %d +FLAGS.SILENT (\\Deleted)", 1+rnd.IntN(60)))
	}
	c.ok(t, "EXPUNGE")
}

func randomMail(rnd *rand.Rand) string {
	if rnd.IntN(2) == 0 {
		return string(corpus.Message(rnd.IntN(2000), 0)) + "\r\n"
	}
	words := []string{"invoice", "Grüße", "straße", "日本語の件", "offer", "ÀÉÎ", "e\u0301tude", "привет", "x1y2z3", "re", "a", "1,234.50", "😀😀😀"}
	var text strings.Builder
	for range 1 + rnd.IntN(30) {
		text.WriteString(words[rnd.IntN(len(words))] + []string{" ", "-", "\r\n", ""}[rnd.IntN(4)])
	}
	html := "<style>hiddenword</style><p>vis<b>ible</b> &amp; &uuml;ber</p>" + strings.ReplaceAll(text.String(), "-", "<br>")
	return "From: Ann " + words[rnd.IntN(len(words))] + " <ann@example.test>\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe_" + fmt.Sprint(rnd.IntN(9)) +
		"?= to you\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" +
		text.String() + "\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html + "\r\n--b\r\nContent-Type: text/plain; charset=koi8-r\r\n" +
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n=D0=D2=C9=D7=C5=D4\r\n--b--\r\n"
}

func randomKey(rnd *rand.Rand, texts []string) string {
	s := needle(rnd, texts[rnd.IntN(len(texts))])
	arg := fmt.Sprintf("{%d+}\r\n%s", len(s), s)
	switch rnd.IntN(8) {
	case 0:
		return "SUBJECT " + arg
	case 1:
		return "FROM " + arg
	case 2:
		return "NOT BODY " + arg
	case 3:
		return "OR SUBJECT " + arg + " OR SEEN TEXT " + arg
	case 4:
		return "HEADER Message-ID " + arg
	case 5:
		return "HEADER Content-Type \"\" TEXT " + arg
	case 6:
		return "TEXT " + arg
	}
	return "BODY " + arg
}

// needle is a piece of a message, or of what is decoded from one.
func needle(rnd *rand.Rand, text string) string {
	decoded := []string{"grüße", "visible & über", "ПРИВЕТ", "日本", "日本語", "étude", "ann", "invoice", "hiddenword", "of", "😀"}
	runes := []rune(strings.ToValidUTF8(text, "?"))
	if len(runes) < 20 || rnd.IntN(3) == 0 {
		return decoded[rnd.IntN(len(decoded))]
	}
	at := rnd.IntN(len(runes) - 15)
	piece := strings.Map(func(r rune) rune {
		if r == 0 || r == '\r' || r == '\n' {
			return -1
		}
		return unicode.ToUpper(r)
	}, string(runes[at:at+1+rnd.IntN(14)]))
	return piece
}
