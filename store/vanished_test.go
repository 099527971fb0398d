package store_test

import (
	"testing"

	"postroom/internal/mail"
)

func TestVanishedSince(t *testing.T) {
	b, since := busy(t)
	got := func(since mail.ModSeq) (string, bool) {
		t.Helper()
		uids, complete, err := b.s.VanishedSince(t.Context(), b.acct, b.inbox, since)
		if err != nil {
			t.Fatal(err)
		}
		return uids.String(), complete
	}
	if uids, complete := got(since); uids != "5:6" || !complete {
		t.Errorf("got %s %v", uids, complete)
	}
	if uids, complete := got(b.changes(since).State.HighestModSeq); uids != "" || !complete {
		t.Errorf("nothing vanished, got %s %v", uids, complete)
	}
	b.exec(`UPDATE mailbox_state SET vanished_floor = $1 + 1`, int64(since))
	if _, complete := got(since); complete {
		t.Error("below the floor it is not complete")
	}
	if _, complete := got(since + 1); !complete {
		t.Error("at the floor it is complete")
	}
	_, _, err := b.s.VanishedSince(t.Context(), b.acct, 77, since)
	b.code(err, mail.CodeNotFound)
}
