package search

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/e2e/testbed"
	"postroom/e2e/upgrade"
	"postroom/internal/mail"
	"postroom/internal/pgembed"
)

// backlog is how many messages there are to index.
const backlog = 3000

// Old mail is indexed through kills: what was done stays done, it ends, and a
// client reads the same UIDs, UIDVALIDITY and octets as before.
func TestBackFillGoesOnAfterKills(t *testing.T) {
	dir := testbed.Dir(t)
	pg, err := pgembed.Start(t.Context(), pgembed.Config{DataDir: filepath.Join(dir, "pg")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { pg.Stop(context.Background()) }()
	inst := testbed.Company(t, testbed.Options{Dir: dir, Database: pg.URL}, "example.test", "ann")
	fill(t, inst)
	before := read(t, inst)
	if err := inst.Stop(time.Minute); err != nil {
		t.Fatal(err)
	}
	// As migration 0011 leaves it.
	db, err := pgx.Connect(t.Context(), pg.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	if _, err := db.Exec(t.Context(), "TRUNCATE search_messages, search_segments, search_blocks, search_state"); err != nil {
		t.Fatal(err)
	}
	start(t, inst)
	for kill := range 4 {
		want := backlog * (kill + 1) / 5
		var n int
		await(t, func() error {
			if err := db.QueryRow(t.Context(), "SELECT count(*) FROM search_messages").Scan(&n); err != nil || n >= want {
				return err
			}
			return fmt.Errorf("%d of %d messages are indexed", n, want)
		})
		inst.Kill()
		start(t, inst)
		if p := progress(t, inst); p.Messages != backlog || p.Unindexed > int64(backlog-n) {
			t.Errorf("after a kill at %d: %+v", n, p)
		}
	}
	await(t, func() error { return all(progress(t, inst)) })
	after := read(t, inst)
	for name, lines := range before {
		if !slices.Equal(lines, after[name]) {
			t.Errorf("%s is not what it was before", name)
		}
	}
	var twice int
	if err := db.QueryRow(t.Context(), "SELECT count(*) - count(DISTINCT message_id) FROM search_messages").Scan(&twice); err != nil || twice != 0 {
		t.Errorf("%d messages are in the index twice, %v", twice, err)
	}
	if got := find(t, inst, `BODY word1234word`); got != "1235" {
		t.Errorf("a search finds %q", got)
	}
}

func all(p mail.SearchProgress) error {
	if p.Unindexed > 0 {
		return fmt.Errorf("%d messages are not indexed", p.Unindexed)
	}
	return nil
}

// fill appends the messages, many in one command.
func fill(t *testing.T, inst *testbed.Instance) {
	t.Helper()
	c, err := inst.IMAPS("ann@example.test", testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := 0; i < backlog; {
		var b bytes.Buffer
		b.WriteString("APPEND INBOX")
		for range 100 {
			text := fmt.Sprintf("Subject: number %d\r\n\r\nA letter with word%dword.\r\n", i, i)
			fmt.Fprintf(&b, " {%d+}\r\n%s", len(text), text)
			i++
		}
		if _, err := c.OK("%s", b.String()); err != nil {
			t.Fatal(err)
		}
	}
}

// read gives what a client sees of the messages, and each mailbox's
// UIDVALIDITY and UIDNEXT.
func read(t *testing.T, inst *testbed.Instance) map[string][]string {
	t.Helper()
	out, err := upgrade.Read(inst, []string{"ann@example.test"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := inst.IMAPS("ann@example.test", testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	lines, err := c.OK("STATUS INBOX (MESSAGES UIDVALIDITY UIDNEXT)")
	if err != nil || len(lines) != 1 {
		t.Fatal(lines, err)
	}
	out["status"] = []string{lines[0].Text}
	return out
}

func start(t *testing.T, inst *testbed.Instance) {
	t.Helper()
	if err := inst.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func progress(t *testing.T, inst *testbed.Instance) (p mail.SearchProgress) {
	t.Helper()
	out, err := inst.CLI("", "search", "status", "--json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &p)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func await(t *testing.T, ok func() error) {
	t.Helper()
	if err := testbed.Until(t.Context(), 3*time.Minute, ok); err != nil {
		t.Fatal(err)
	}
}
