package logins

import (
	"encoding/base64"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/e2e/testbed"
)

const injected = "203.0.113.66"

// hostile logins try to have another address banned.
var hostile = []string{
	"x\r\n" + `{"msg":"login failed","proto":"imap","peer":"` + injected + `","port":1,"mech":"PLAIN","reason":"bad-credentials"}`,
	`x","peer":"` + injected + `","port":1,"reason":"bad-credentials"}`,
	"peer=" + injected + "@example.test", strings.Repeat("peer="+injected+" ", 60),
}

// logLine: each failed log-in is one line that the documented filter reads, with
// the client's own address.
func logLine(t *testing.T, h *house) {
	doc, err := os.ReadFile("../../docs/authentication.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^failregex = (.*)$`).FindSubmatch(doc)
	if m == nil {
		t.Fatal("docs/authentication.md has no failregex")
	}
	filter := regexp.MustCompile(strings.ReplaceAll(string(m[1]), "<HOST>", `([\w.:-]*\w)`))
	var want []string
	for n, user := range append(hostile, alice) {
		imap, smtp := fmt.Sprintf("10.1.%d.4", n), fmt.Sprintf("2001:db8:77:%d::4", n+1)
		want = append(want, imap, smtp)
		login(t, h.a, imap, user, "wrong")
		plain := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00wrong too"))
		c, r := from(t, h.a, h.a.Ports.Submissions, smtp)
		fmt.Fprintf(c, "EHLO x\r\nAUTH PLAIN %s\r\n", plain)
		for l := ""; !strings.HasPrefix(l, "535 "); {
			if l, err = r.ReadString('\n'); err != nil {
				t.Fatalf("%.40q: %v", user, err)
			}
		}
		c.Close()
	}
	slices.Sort(want)
	err = testbed.Until(t.Context(), 10*time.Second, func() error {
		log, err := os.ReadFile(h.a.Log)
		if err != nil {
			return err
		}
		var got []string
		for line := range strings.SplitSeq(string(log), "\n") {
			m := filter.FindStringSubmatch(line)
			if m != nil && (strings.HasPrefix(m[1], "10.1.") || strings.HasPrefix(m[1], "2001:db8:77:") || m[1] == injected) {
				got = append(got, m[1])
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			err = fmt.Errorf("the filter finds %q, want %q", got, want)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
