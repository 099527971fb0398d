package store_test

import (
	"testing"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

// row gives a mailbox's message.
func (b *box) row(uid mail.UID) (row mail.MessageRow) {
	b.t.Helper()
	err := b.s.FetchMessages(b.t.Context(), b.acct, b.inbox, one(uid), mail.ColBlob|mail.WithExpunged, func(r *mail.MessageRow) error {
		row = *r
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return row
}

func (b *box) fileText(r mail.MessageRow) string {
	b.t.Helper()
	text, err := b.s.DocumentText(b.t.Context(), b.acct, r.MessageID, r.BlobID, 100)
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}

func (b *box) readFile(r mail.MessageRow, text string) {
	b.t.Helper()
	err := b.s.SaveDocuments(b.t.Context(), b.acct, b.inbox, r.UID, []mail.DocumentText{{Message: r.MessageID, Blob: r.BlobID, Off: 100, Text: text}},
		[]mail.SearchEntry{{Message: r.MessageID, Whole: true, Grams: []int32{7777}}})
	if err != nil {
		b.t.Fatal(err)
	}
}

// Of two accounts with the same octets, each sees a document's text when its
// own grams have it.
func TestDocumentTextIsSeenWithItsGrams(t *testing.T) {
	b := newBox(t)
	other := &box{t: t, s: b.s, acct: storetest.Account(t, b.s, "bob@example.test")}
	other.inbox = storetest.Inbox(t, b.s, other.acct)
	if _, err := b.s.Deliver(t.Context(), storetest.Delivery(body(200), b.acct, other.acct)); err != nil {
		t.Fatal(err)
	}
	mine, others := b.row(1), other.row(1)
	if mine.BlobID != others.BlobID {
		t.Fatal("two blobs")
	}
	if list, err := b.s.Unread(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("%v to read before they are indexed, %v", list, err)
	}
	b.index(b.inbox, 10)
	other.index(other.inbox, 10)
	if list, err := b.s.Unread(t.Context(), 10); err != nil || len(list) != 2 {
		t.Errorf("%v to read, %v", list, err)
	}
	b.readFile(mine, "of a file")
	b.want("mine", b.fileText(mine), "of a file")
	b.want("the other's", other.fileText(others), "")
	b.want("what the index says", b.found(b.inbox, 7777), "1:2000")
	if uids, upTo, err := b.s.ToRead(t.Context(), other.acct, other.inbox, 0, 10); err != nil || uids.String() != "1" || upTo != 1 {
		t.Errorf("the other's to read: %v up to %d, %v", uids, upTo, err)
	}
	if kept, err := b.s.KeptDocuments(t.Context(), others.BlobID); err != nil || kept[100] != "of a file" {
		t.Errorf("kept %v, %v", kept, err)
	}
	other.readFile(others, "again")
	b.want("the other's, read", other.fileText(others), "of a file")
	if list, err := b.s.Unread(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("%v to read afterwards, %v", list, err)
	}
	if err := b.s.ForgetDocuments(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.want("what was forgotten", b.fileText(mine), "")
	if uids, _, err := b.s.ToRead(t.Context(), b.acct, b.inbox, 0, 10); err != nil || uids.String() != "1" {
		t.Errorf("to read again: %v, %v", uids, err)
	}
}

func TestDocumentTextGoesWithItsBlob(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 3)
	b.index(b.inbox, 10)
	gone, stays := b.row(2), b.row(3)
	b.readFile(gone, "gone")
	b.readFile(stays, "stays")
	b.store(mail.StoreArgs{UIDs: one(2), Mode: mail.StoreAdd, Flags: mail.FlagDeleted})
	if _, err := b.s.Expunge(t.Context(), b.acct, b.inbox, nil); err != nil {
		t.Fatal(err)
	}
	b.want("a session may still show it", b.fileText(gone), "gone")
	if _, err := b.s.Purge(t.Context(), store.PurgeArgs{}); err != nil {
		t.Fatal(err)
	}
	b.want("what stays", b.fileText(stays), "stays")
	if n := number(t, b.s, "SELECT count(*) FROM document_texts"); n != 1 {
		t.Errorf("%d texts are left", n)
	}
	b.readFile(gone, "late")
	if n := number(t, b.s, "SELECT count(*) FROM document_texts"); n != 1 {
		t.Errorf("%d texts: one came back for a message that is gone", n)
	}
}
