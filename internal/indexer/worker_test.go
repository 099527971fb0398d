package indexer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"postroom/internal/mail"
	"postroom/internal/message"
)

// mailbox is a store with one mailbox in memory.
type mailbox struct {
	messages []string // UID n+1; "" cannot be read
	indexed  mail.UID
	read     mail.UID
	saved    map[mail.MessageID]mail.SearchEntry
	texts    map[mail.BlobID][]mail.DocumentText
	batches  []int
	failSave error
	taken    bool // another node has the turn
	busy     bool
}

func (m *mailbox) Unindexed(context.Context, int) ([]mail.Unindexed, error) {
	if int(m.indexed) == len(m.messages) {
		return nil, nil
	}
	return []mail.Unindexed{{Account: 1, Mailbox: 2, Indexed: m.indexed, Messages: int64(len(m.messages))}}, nil
}

func (m *mailbox) SearchProgress(context.Context) (mail.SearchProgress, error) {
	return mail.SearchProgress{Messages: int64(len(m.messages)), Unindexed: int64(len(m.messages)) - int64(m.indexed)}, nil
}

func (m *mailbox) Unread(context.Context, int) ([]mail.Unindexed, error) {
	if m.read == m.indexed {
		return nil, nil
	}
	return []mail.Unindexed{{Account: 1, Mailbox: 2, Indexed: m.read}}, nil
}

func (m *mailbox) ToRead(_ context.Context, _ mail.AccountID, _ mail.MailboxID, after mail.UID, limit int) (uids mail.UIDSet, upTo mail.UID, err error) {
	if upTo = min(after+mail.UID(limit), m.indexed); upTo > after {
		uids = mail.UIDSet{{Lo: after + 1, Hi: upTo}}
	}
	return uids, upTo, nil
}

func (m *mailbox) KeptDocuments(_ context.Context, blob mail.BlobID) (map[int64]string, error) {
	kept := map[int64]string{}
	for _, t := range m.texts[blob] {
		kept[t.Off] = t.Text
	}
	return kept, nil
}

func (m *mailbox) SaveDocuments(_ context.Context, _ mail.AccountID, _ mail.MailboxID, upTo mail.UID, texts []mail.DocumentText, entries []mail.SearchEntry) error {
	for _, t := range texts {
		m.texts[t.Blob] = append(m.texts[t.Blob], t)
	}
	for _, e := range entries {
		m.saved[e.Message] = e
	}
	m.read = upTo
	return nil
}

func (m *mailbox) ToIndex(_ context.Context, _ mail.AccountID, _ mail.MailboxID, after mail.UID, limit int) (uids mail.UIDSet, upTo mail.UID, err error) {
	upTo = min(after+mail.UID(limit), mail.UID(len(m.messages)))
	for u := after + 1; u <= upTo; u++ {
		if _, known := m.saved[mail.MessageID(u)]; !known {
			uids.Append(u)
		}
	}
	return uids, upTo, nil
}

func (m *mailbox) FetchMessages(_ context.Context, _ mail.AccountID, _ mail.MailboxID, uids mail.UIDSet, _ mail.Columns, fn func(*mail.MessageRow) error) error {
	for i, text := range m.messages {
		uid := mail.UID(i + 1)
		if !uids.Contains(uid) {
			continue
		}
		r := &mail.MessageRow{MessageFlags: mail.MessageFlags{UID: uid}, MessageID: mail.MessageID(uid), BlobID: mail.BlobID(uid), Size: int64(len(text))}
		if text != "" {
			p := message.NewParser(nil)
			_, _ = io.WriteString(p, text)
			s := p.Finish()
			r.Parts, r.HeaderSize = s.Parts, s.HeaderSize
		}
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

func (m *mailbox) WriteTo(_ context.Context, w io.Writer, blob mail.BlobID, off, n int64) error {
	_, err := io.WriteString(w, m.messages[blob-1][off:off+n])
	return err
}

func (m *mailbox) SaveIndexed(_ context.Context, _ mail.AccountID, _ mail.MailboxID, upTo mail.UID, entries []mail.SearchEntry) error {
	if m.failSave != nil {
		return m.failSave
	}
	for _, e := range entries {
		m.saved[e.Message] = e
	}
	m.indexed, m.batches = upTo, append(m.batches, len(entries))
	return nil
}

func (m *mailbox) IndexTurn(ctx context.Context, fn func(context.Context) error) error {
	if m.taken {
		return nil
	}
	return fn(ctx)
}

func (m *mailbox) Delivering(context.Context) bool { return m.busy }

func newMailbox(n int) *mailbox {
	m := &mailbox{saved: map[mail.MessageID]mail.SearchEntry{}, texts: map[mail.BlobID][]mail.DocumentText{}}
	for i := range n {
		m.messages = append(m.messages, fmt.Sprintf("Subject: number %d\r\n\r\nword%d\r\n", i, i))
	}
	return m
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestRoundIndexesAll(t *testing.T) {
	m := newMailbox(2100)
	m.messages[4] = ""
	m.messages[5] = "Subject: x\r\n\r\n" + strings.Repeat("much text ", 500<<10)
	if _, err := New(m, nil, quiet()).Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(m.saved) != 2100 || m.indexed != 2100 {
		t.Errorf("%d saved up to %d", len(m.saved), m.indexed)
	}
	for id, e := range m.saved {
		if whole := id != 5 && id != 6; e.Whole != whole || whole != (len(e.Grams) > 5) {
			t.Fatalf("message %d: whole %v, %d grams", id, e.Whole, len(e.Grams))
		}
	}
	for _, n := range m.batches {
		if n > batchMessages {
			t.Errorf("a batch of %d", n)
		}
	}
}

func TestRoundGoesOnWhereItWasStopped(t *testing.T) {
	m := newMailbox(200)
	m.failSave = errors.New("the database is away")
	w := New(m, nil, quiet())
	if _, err := w.Round(t.Context()); !errors.Is(err, m.failSave) || m.indexed != 0 {
		t.Fatalf("%v, indexed up to %d", err, m.indexed)
	}
	m.failSave, m.taken = nil, true
	if _, err := w.Round(t.Context()); err != nil || m.indexed != 0 {
		t.Fatalf("indexed up to %d in another node's turn, %v", m.indexed, err)
	}
	m.taken = false
	if _, err := w.Round(t.Context()); err != nil || m.indexed != 200 {
		t.Errorf("%v, indexed up to %d", err, m.indexed)
	}
}

// Beside deliveries, most of the time is theirs.
func TestRoundRestsBesideDeliveries(t *testing.T) {
	m := newMailbox(1000)
	m.busy = true
	begun := time.Now()
	var worked time.Duration
	w := New(&timed{m, &worked}, nil, quiet())
	if _, err := w.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all := time.Since(begun); m.indexed != 1000 || all < 5*worked {
		t.Errorf("worked %v of %v", worked, all)
	}
}

// timed adds up the time in which messages are read.
type timed struct {
	*mailbox
	worked *time.Duration
}

func (t *timed) FetchMessages(ctx context.Context, a mail.AccountID, m mail.MailboxID, uids mail.UIDSet, cols mail.Columns, fn func(*mail.MessageRow) error) error {
	begun := time.Now()
	defer func() { *t.worked += time.Since(begun) }()
	return t.mailbox.FetchMessages(ctx, a, m, uids, cols, fn)
}

func TestRunIndexesAndEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := newMailbox(10)
	New(&ending{m, cancel}, nil, quiet()).Run(ctx)
	if m.indexed != 10 {
		t.Errorf("indexed up to %d", m.indexed)
	}
}

// ending stops the worker once something is saved.
type ending struct {
	*mailbox
	stop func()
}

func (e *ending) SaveIndexed(ctx context.Context, a mail.AccountID, m mail.MailboxID, upTo mail.UID, entries []mail.SearchEntry) error {
	defer e.stop()
	return e.mailbox.SaveIndexed(ctx, a, m, upTo, entries)
}
