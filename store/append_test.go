package store_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

func plain(c *store.Config) { c.Decompress = storetest.Plain }

func appended(octets []byte, flags mail.Flags, keywords ...string) store.AppendMessage {
	return store.AppendMessage{Content: storetest.Octets(octets), Summary: storetest.Summary(octets), Flags: flags, Keywords: keywords}
}

func TestAppendCountsFlags(t *testing.T) {
	s := storetest.New(t)
	a := storetest.Account(t, s, "alice@example.test")
	inbox := storetest.Inbox(t, s, a)
	res, err := s.Append(t.Context(), a, inbox, []store.AppendMessage{
		appended(body(10), mail.FlagSeen, "$Forwarded", "Work"), appended(body(20), mail.FlagDeleted, "work"), appended(nil, 0)})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.UIDs) != 3 || res.UIDs[0] != 1 || res.UIDs[2] != 3 {
		t.Errorf("answer %+v", res)
	}
	if n := number(t, s, "SELECT unseen * 100 + deleted * 10 + messages FROM mailbox_counters WHERE mailbox_id = $1", inbox); n != 213 {
		t.Errorf("counters %d, want 2 unseen, 1 deleted, 3 messages", n)
	}
	if n := number(t, s, "SELECT count(DISTINCT k) FROM mailbox_messages, unnest(keywords) k"); n != 2 {
		t.Errorf("%d keywords, want 2: their case makes no difference", n)
	}
	sound(t, s)
}

// brokenContent fails at its second chunk, as a spool on a bad disk would.
type brokenContent struct{ storetest.Octets }

func (b brokenContent) Chunk(i int) ([]byte, error) {
	if i == 1 {
		return nil, errors.New("input/output error")
	}
	return b.Octets.Chunk(i)
}

func TestMultiAppendIsAllOrNothing(t *testing.T) {
	s := storetest.New(t)
	a := storetest.Account(t, s, "alice@example.test")
	inbox := storetest.Inbox(t, s, a)
	big := body(mail.ChunkSize * 3)
	bad := store.AppendMessage{Content: brokenContent{big}, Summary: storetest.Summary(big)}
	if _, err := s.Append(t.Context(), a, inbox, []store.AppendMessage{appended(body(10), 0), bad}); err == nil {
		t.Fatal("a message that could not be read was appended")
	}
	for _, table := range []string{"mailbox_messages", "messages", "blobs", "blob_refs", "mailbox_changes WHERE kind <> 'c'"} {
		if n := number(t, s, "SELECT count(*) FROM "+table); n != 0 {
			t.Errorf("%d rows in %s", n, table)
		}
	}
	if res, err := s.Append(t.Context(), a, inbox, []store.AppendMessage{appended(body(10), 0)}); err != nil || res.UIDs[0] != 1 {
		t.Errorf("afterwards: %+v, %v", res, err)
	}
	_, err := s.Append(t.Context(), a, 4711, []store.AppendMessage{appended(body(10), 0)})
	wantCode(t, err, mail.CodeNotFound)
	exec(t, s, "UPDATE accounts SET quota_bytes = 100")
	_, err = s.Append(t.Context(), a, inbox, []store.AppendMessage{appended(body(50), 0), appended(body(50), 0)})
	wantCode(t, err, mail.CodeOverQuota)
	sound(t, s)
}

func TestLargeMessagesComeOutAsTheyWentIn(t *testing.T) {
	s := storetest.New(t, plain)
	a := storetest.Account(t, s, "alice@example.test")
	for _, size := range []int{0, 1, mail.ChunkSize - 1, mail.ChunkSize, mail.ChunkSize + 1, 1 << 20, 5<<20 + 77} {
		octets := body(size)
		if _, err := s.Deliver(t.Context(), storetest.Delivery(octets, a)); err != nil {
			t.Fatal(err)
		}
		blob := mail.BlobID(number(t, s, "SELECT blob_id FROM messages ORDER BY id DESC LIMIT 1"))
		r, err := s.OpenBlob(t.Context(), blob, int64(size))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, octets) {
			t.Errorf("size %d: read %d octets, %v", size, len(got), err)
		}
		lo, hi := size/3, size-size/5
		var part bytes.Buffer
		if err := s.WriteTo(t.Context(), &part, blob, int64(lo), int64(hi-lo)); err != nil || !bytes.Equal(part.Bytes(), octets[lo:hi]) {
			t.Errorf("size %d: octets %d to %d differ, %v", size, lo, hi, err)
		}
		at := make([]byte, min(size, 3))
		if err := s.ReadBlobAt(t.Context(), blob, at, int64(size-len(at))); err != nil || !bytes.Equal(at, octets[size-len(at):]) {
			t.Errorf("size %d: the last octets differ, %v", size, err)
		}
		wantCode(t, s.WriteTo(t.Context(), io.Discard, blob, 0, int64(size+1)), mail.CodeNotFound)
	}
	sound(t, s)
}
