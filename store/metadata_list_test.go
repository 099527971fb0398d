package store_test

import (
	"bytes"
	"testing"

	"postroom/internal/mail"
)

// However much there is, each call gives whole mailboxes, and together they
// give all, in the order asked for.
func TestListMetadataComesInParts(t *testing.T) {
	b := newBox(t)
	value := bytes.Repeat([]byte("x"), mail.MaxAnnotation)
	names := []string{"/private/a", "/private/b", "/shared/c"}
	var boxes []mail.MailboxID
	for _, name := range []string{"one", "two", "none", "three"} {
		id := b.mailbox(name)
		boxes = append(boxes, id)
		if name == "none" {
			continue
		}
		var list []mail.Annotation
		for _, n := range names {
			list = append(list, mail.Annotation{Entry: n, Value: value})
		}
		if _, err := b.s.SetMetadata(t.Context(), b.acct, id, b.acct, list); err != nil {
			t.Fatal(err)
		}
	}
	for range 40 { // 120 values of 16 KiB: nearly 2 MiB
		boxes = append(boxes, boxes[0])
	}
	calls, seen := 0, 0
	for len(boxes) > seen {
		lists, err := b.s.ListMetadata(t.Context(), b.acct, boxes[seen:], b.acct, names)
		if err != nil || len(lists) == 0 {
			t.Fatalf("%d lists: %v", len(lists), err)
		}
		octets := 0
		for i, l := range lists {
			want := 3
			if seen+i == 2 {
				want = 0
			}
			if len(l) != want {
				t.Errorf("mailbox %d has %d entries, want %d", seen+i, len(l), want)
			}
			for _, a := range l {
				octets += len(a.Value)
			}
		}
		if octets > 1<<20+3*mail.MaxAnnotation {
			t.Errorf("%d octets at once", octets)
		}
		calls, seen = calls+1, seen+len(lists)
	}
	if calls != 2 {
		t.Errorf("%d calls", calls)
	}
}
