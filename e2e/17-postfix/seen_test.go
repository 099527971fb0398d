package postfix

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postroom/e2e/testbed"
)

// maildir gives what Postfix stored for a mailbox, its line ends as they came.
func (w *world) maildir(t *testing.T, box string) (out [][]byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.mail, box, "new", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")))
	}
	return out
}

// awaitB waits for a message with every one of marks in a mailbox of Postfix's.
func (w *world) awaitB(t *testing.T, box string, marks ...string) []byte {
	t.Helper()
	var found []byte
	err := testbed.Until(t.Context(), 30*time.Second, func() error {
		all := w.maildir(t, box)
		for _, m := range all {
			if hasAll(m, marks...) {
				found = m
				return nil
			}
		}
		return fmt.Errorf("none of %d messages of %s has %q", len(all), box, marks)
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func hasAll(b []byte, marks ...string) bool {
	for _, m := range marks {
		if !bytes.Contains(b, []byte(m)) {
			return false
		}
	}
	return true
}

// logB gives the lines of Postfix's log that have every one of marks.
func (w *world) logB(t *testing.T, marks ...string) (out []string) {
	t.Helper()
	b, err := os.ReadFile(w.b.Log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if hasAll([]byte(line), marks...) {
			out = append(out, line)
		}
	}
	return out
}

// emptyB waits until nothing is left in Postfix's queue.
func (w *world) emptyB(t *testing.T) {
	t.Helper()
	err := testbed.Until(t.Context(), 30*time.Second, func() error {
		out, err := w.b.Do(t.Context(), "postqueue", "-j")
		if err == nil && out != "" {
			err = errors.New("Postfix's queue holds " + out)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
