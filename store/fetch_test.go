package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

const allColumns = mail.ColBlob | mail.ColFields | mail.ColEnvelope | mail.ColBodyStructure | mail.ColParts | mail.ColPreview | mail.ColThread

func (b *box) fetch(uids mail.UIDSet, cols mail.Columns) mail.UIDSet {
	b.t.Helper()
	var got mail.UIDSet
	last := mail.UID(0)
	err := b.s.FetchMessages(b.t.Context(), b.acct, b.inbox, uids, cols, func(m *mail.MessageRow) error {
		if m.UID <= last {
			b.t.Errorf("UID %d after %d", m.UID, last)
		}
		last = m.UID
		got.Append(m.UID)
		if cols&mail.ColEnvelope != 0 && !strings.HasPrefix(string(m.Envelope), fmt.Sprintf("(envelope %d", m.Size-100)) {
			b.t.Errorf("UID %d of %d octets has envelope %.20s", m.UID, m.Size, m.Envelope)
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

func TestFetchGivesEveryMessageOnceInOrder(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 3000)
	b.store(mail.StoreArgs{UIDs: mail.UIDSet{{Lo: 100, Hi: 250}, {Lo: 3000, Hi: 3000}}, Mode: mail.StoreAdd, Flags: mail.FlagDeleted})
	if _, err := b.s.Expunge(t.Context(), b.acct, b.inbox, nil); err != nil {
		t.Fatal(err)
	}
	var odd mail.UIDSet
	for u := mail.UID(1); u <= 3000; u += 2 {
		odd.Append(u)
	}
	there := mail.UIDSet{{Lo: 1, Hi: 99}, {Lo: 251, Hi: 2999}}
	for _, set := range []mail.UIDSet{all, one(1), one(120), {{Lo: 90, Hi: 110}, {Lo: 240, Hi: 2000}, {Lo: 2500, Hi: 2500}}, odd, nil,
		{{Lo: 4000000000, Hi: 4294967295}}} {
		for _, cols := range []mail.Columns{0, mail.ColEnvelope | mail.ColBodyStructure} {
			if got, want := b.fetch(set, cols).String(), set.Intersect(there).String(); got != want {
				t.Errorf("FETCH %.40v: got %.60s, want %.60s", set, got, want)
			}
			want := set.Intersect(mail.UIDSet{{Lo: 1, Hi: 3000}}).String()
			if got := b.fetch(set, cols|mail.WithExpunged).String(); got != want {
				t.Errorf("FETCH %.40v with expunged: got %.60s, want %.60s", set, got, want)
			}
		}
	}
}

func TestFetchColumns(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 1)
	b.store(mail.StoreArgs{UIDs: all, Mode: mail.StoreAdd, Flags: mail.FlagDeleted, Keywords: []string{"k", "l"}})
	check := func(m *mail.MessageRow) error {
		if m.UID != 1 || m.Flags != mail.FlagDeleted || fmt.Sprint(m.Keywords) != "[1 2]" || m.Size != 101 || m.MessageID == 0 ||
			m.BlobID == 0 || string(m.Prefix) != "P" || m.HeaderSize != 50 || string(m.Fields) != "Subject: 1\r\n" ||
			!strings.HasPrefix(string(m.BodyStructure), "(body 1b") || string(m.Parts) != "\x01" || m.Preview != "hello 1" ||
			m.ThreadID == 0 || m.MessageIDField != "<1@x>" || m.SentAt.IsZero() || m.Received.Format("2006-01-02 15:04:05") != "2024-05-06 07:08:09" {
			t.Errorf("got %+v", m)
		}
		return nil
	}
	if err := b.s.FetchMessages(t.Context(), b.acct, b.inbox, all, allColumns, check); err != nil {
		t.Error(err)
	}
	if _, err := b.s.Expunge(t.Context(), b.acct, b.inbox, nil); err != nil {
		t.Fatal(err)
	}
	err := b.s.FetchMessages(t.Context(), b.acct, b.inbox, one(1), allColumns|mail.WithExpunged, func(m *mail.MessageRow) error {
		if !m.Expunged {
			t.Error("row does not say it is expunged")
		}
		return check(m)
	})
	if err != nil {
		t.Error(err)
	}
}

// A batch's rows may be far larger than the ones before: what is read ahead is
// cut at the byte limit and nothing is lost.
func TestFetchOfUnevenRows(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 400)
	b.exec(`UPDATE messages SET envelope = envelope || convert_to(repeat('x', 300000), 'UTF8') WHERE (size - 100) % 50 < 10`)
	if got := b.fetch(all, mail.ColEnvelope).String(); got != "1:400" {
		t.Error(got)
	}
	if got := b.fetch(mail.UIDSet{{Lo: 30, Hi: 60}, {Lo: 99, Hi: 180}}, mail.ColEnvelope).String(); got != "30:60,99:180" {
		t.Error(got)
	}
}

func TestFetchHoldsNoConnectionWhileReading(t *testing.T) {
	s := storetest.New(t, func(c *store.Config) { c.MaxConns = 1 })
	b := &box{t: t, s: s, acct: storetest.Account(t, s, "alice@example.test")}
	b.inbox = storetest.Inbox(t, s, b.acct)
	b.fill(b.inbox, 300)
	n := 0
	err := s.FetchMessages(t.Context(), b.acct, b.inbox, all, mail.ColEnvelope, func(m *mail.MessageRow) error {
		n++
		_, err := s.Mailboxes(t.Context(), b.acct) // the only connection is free
		return err
	})
	if err != nil || n != 300 {
		t.Errorf("%d rows, %v", n, err)
	}
}

func TestFetchEndsWithTheReadersError(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 10)
	stop := errors.New("client is gone")
	n := 0
	err := b.s.FetchMessages(t.Context(), b.acct, b.inbox, all, 0, func(*mail.MessageRow) error {
		n++
		return stop
	})
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.code(b.s.FetchMessages(ctx, b.acct, b.inbox, all, 0, func(*mail.MessageRow) error { return nil }), mail.CodeUnavailable)
}

// The octets of small messages come with their rows, whichever they are.
func TestFetchGivesOctetsOfSmallMessages(t *testing.T) {
	s := storetest.New(t, plain)
	b := &box{t: t, s: s, acct: storetest.Account(t, s, "alice@example.test")}
	b.inbox = storetest.Inbox(t, s, b.acct)
	var want []string
	for _, n := range []int{1, 40, 4000, 63 << 10, 65 << 10, 700 << 10} {
		text := strings.Repeat("Subject: x\r\n", n/12+1)[:n]
		if _, err := s.Append(t.Context(), b.acct, b.inbox, []store.AppendMessage{appended([]byte(text), 0)}); err != nil {
			t.Fatal(err)
		}
		if n > 64<<10 {
			text = ""
		}
		want = append(want, text)
	}
	var got []string
	err := b.s.FetchMessages(t.Context(), b.acct, b.inbox, all, mail.ColBlob|mail.ColOctets, func(m *mail.MessageRow) error {
		got = append(got, string(m.Octets))
		return nil
	})
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d rows, %v", len(got), err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("message %d: %d octets, want %d", i, len(got[i]), len(want[i]))
		}
	}
}
