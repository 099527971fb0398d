package imapd_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"postroom/internal/indexer"
)

// reading gives a file's octets as its text.
type reading struct{}

func (reading) Text(_ context.Context, _ string, file io.Reader) (string, error) {
	b, err := io.ReadAll(file)
	return string(b), err
}

// A file's text is found once it was read, by the index and by reading every
// message alike, and by its own mailbox only.
func TestSearchFindsTextOfFiles(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	c := b.config()
	with := &narrowing{Store: b.store}
	c.Store = with
	_, addr := serve(t, c, false)
	c.Store = scanning{b.store}
	_, plainAddr := serve(t, c, false)
	indexed, plain := dial(t, addr), dial(t, plainAddr)
	indexed.login(t, "ann@example.test")
	plain.login(t, "ann@example.test")
	for i := range 80 {
		text := fmt.Sprintf("Subject: letter %d\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nletter\r\n--b\r\n"+
			"Content-Type: application/pdf\r\n\r\nfruit%dquat\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\nsecretword\r\n--b--\r\n", i, i)
		indexed.ok(t, fmt.Sprintf("APPEND INBOX {%d+}\r\n%s", len(text), text))
	}
	indexed.ok(t, "SELECT INBOX")
	plain.ok(t, "SELECT INBOX")
	search := func(key, want string) {
		t.Helper()
		for name, cl := range map[string]*client{"index": indexed, "scan": plain} {
			if got := strings.TrimSpace(cl.ok(t, "SEARCH "+key)); got != strings.TrimSpace("* SEARCH "+want) {
				t.Errorf("%s by %s: %q, want %q", key, name, got, want)
			}
		}
	}
	b.index(t, 100)
	search("BODY fruit7quat", "")
	search("BODY uit7qu", "")
	if _, err := indexer.New(b.store, reading{}, slog.New(slog.DiscardHandler)).Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	with.asked, with.leftOut = 0, 0
	search("BODY fruit7quat", "8")
	search("TEXT uit7qu", "8")
	search("TEXT it7qu", "8")
	search("BODY secretword", "")
	search("SUBJECT fruit7quat", "")
	if with.leftOut < 63 {
		t.Errorf("the index left out %d messages", with.leftOut)
	}
	indexed.ok(t, "CREATE To")
	indexed.ok(t, "COPY 8 To")
	if err := b.store.ForgetDocuments(t.Context()); err != nil {
		t.Fatal(err)
	}
	search("BODY fruit7quat", "")
	if _, err := indexer.New(b.store, reading{}, slog.New(slog.DiscardHandler)).Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	search("BODY fruit7quat", "8")
	indexed.ok(t, "SELECT To")
	plain.ok(t, "SELECT To")
	search("BODY fruit7quat", "1")
	search("BODY fruit8quat", "")
}
