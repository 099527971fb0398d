package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"postroom/internal/mail"
)

// rowTexts gives what FetchMessages gives of messages, in words.
func (b *box) rowTexts(uids mail.UIDSet, cols mail.Columns) (texts []string) {
	b.t.Helper()
	err := b.s.FetchMessages(b.t.Context(), b.acct, b.inbox, uids, cols, func(m *mail.MessageRow) error {
		texts = append(texts, fmt.Sprintf("%d %d %d %s %s %d %.30s %d %s", m.UID, m.MessageID, m.Size, m.Fields, m.Preview, m.ThreadID,
			m.Envelope, len(m.Envelope), m.BodyStructure))
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return texts
}

// oneByOne is a set of the UIDs up to most as ranges of one, which are looked
// up and not read along an index.
func oneByOne(most mail.UID, step mail.UID) (odd, even mail.UIDSet) {
	for u := mail.UID(1); u <= most; u += step {
		odd.Append(u)
		if u+step/2 <= most {
			even.Append(u + step/2)
		}
	}
	return odd, even
}

// However ids lie among those of the account, in whatever order, twice, and
// beside large ones: a range gives the rows that looking each up gives.
func TestFetchOfARangeGivesWhatLookingUpGives(t *testing.T) {
	const cols = mail.ColFields | mail.ColEnvelope | mail.ColBodyStructure | mail.ColPreview | mail.ColThread
	for seed := range uint64(4) {
		b := newBox(t)
		rnd := rand.New(rand.NewPCG(seed, 1))
		src := b.mailbox("src")
		b.fill(src, 900)
		copyIn := func(set mail.UIDSet) {
			if _, err := b.s.Copy(t.Context(), b.acct, src, set, b.inbox); err != nil {
				t.Fatal(err)
			}
		}
		for range 12 {
			switch at := mail.UID(1 + rnd.IntN(800)); rnd.IntN(4) {
			case 0: // ids that lie one after the other
				b.fill(b.inbox, 100+rnd.IntN(300))
			case 1: // fewer and fewer in a row, downwards
				for u := at + 80; u > at; u -= mail.UID(1 + rnd.IntN(8)) {
					copyIn(one(u))
				}
			case 2: // every tenth
				set, _ := oneByOne(900, 10)
				copyIn(set)
			default:
				copyIn(mail.UIDSet{{Lo: at, Hi: at + 90}})
			}
		}
		if seed%2 == 1 {
			b.exec(`UPDATE messages SET envelope = envelope || convert_to(repeat('x', 100000), 'UTF8') WHERE id % 37 < 2 * $1`, int64(seed))
		}
		_, st := b.load(b.inbox)
		odd, even := oneByOne(st.UIDNext, 2)
		odds, evens := b.rowTexts(odd, cols), b.rowTexts(even, cols)
		want := map[string]bool{}
		for _, x := range append(odds, evens...) {
			want[x] = true
		}
		got := b.rowTexts(all, cols)
		for _, x := range got {
			if !want[x] {
				t.Errorf("seed %d: no such row: %.100s", seed, x)
			}
		}
		if len(got) != len(want) || len(got) != int(st.Messages) {
			t.Errorf("seed %d: %d rows, want %d of %d", seed, len(got), len(want), st.Messages)
		}
		b.fetch(all, cols) // in UID order
	}
}

// A message that is lost takes no other with it.
func TestFetchPassesOverALostMessage(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 1500)
	b.exec(`DELETE FROM messages WHERE size = 100 + 700`)
	if got := b.fetch(all, mail.ColEnvelope).String(); got != "1:699,701:1500" {
		t.Error(got)
	}
}

// Where a message has no Fields, its header can be read in their stead.
func TestFetchOfUnlisted(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 200)
	b.exec(`UPDATE messages SET fields = '' WHERE size = 100 + 150`)
	for _, set := range []mail.UIDSet{all, one(150), one(151)} {
		for _, more := range []mail.Columns{0, mail.ColPreview, mail.ColBlob} {
			err := b.s.FetchMessages(t.Context(), b.acct, b.inbox, set, mail.ColFields|mail.ColUnlisted|more, func(m *mail.MessageRow) error {
				if want := m.UID == 150 || more == mail.ColBlob; (m.BlobID != 0) != want || (string(m.Prefix) == "P") != want ||
					(m.HeaderSize == 50) != want || (len(m.Fields) == 0) != (m.UID == 150) {
					t.Errorf("more %d: got %+v", more, m)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	}
}
