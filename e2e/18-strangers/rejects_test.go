package strangers

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// reject is a line of `postroom rejects --json`.
type reject struct {
	ID, Action, Sender, Network, From, Subject, Reason string
	Count                                              int
}

func (w *world) rejectsOf(t *testing.T) (out []reject) {
	t.Helper()
	if err := json.Unmarshal([]byte(w.do(t, "rejects", alice, "--json")), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// find gives the line of an action, sender and network that has words in its
// reason.
func find(all []reject, action, sender, network, words string) (reject, error) {
	for _, r := range all {
		if r.Action == action && r.Sender == sender && r.Network == network && strings.Contains(r.Reason, words) {
			return r, nil
		}
	}
	return reject{}, fmt.Errorf("nothing %s of %s from %s for %q in\n%+v", action, sender, network, words, all)
}

// rejects looks at what the cases before left: all that was kept from alice
// stands there with its reason, and can be let in.
func (w *world) rejects(t *testing.T) {
	until(t, func() error {
		all := w.rejectsOf(t)
		for _, want := range []reject{
			{Action: "refused", Sender: "reject@evil.test", Network: "198.18.2.0/24", Reason: "policy of reject.test"},
			{Action: "refused", Sender: "two@evil.test", Network: "198.18.2.0/24", Reason: "more than one From"},
			{Action: "refused", Sender: "boss@example.test", Network: "198.18.2.0/24", Reason: "those who log in"},
			{Action: "junked", Sender: "quarantine@evil.test", Network: "198.18.2.0/24", Reason: "asks for quarantine"},
			{Action: "junked", Sender: "nobody@evil.test", Network: "198.18.2.0/24", Reason: "no From field"},
			{Action: "junked", Sender: "x@strict.test", Network: "198.18.2.0/24", Reason: "SPF record of strict.test"},
			{Action: "refused", Sender: "x@lists.test", Network: "198.18.5.0/24", Reason: "policy of reject.test"},
			{Action: "refused", Sender: "x@spam.test", Network: "198.18.6.0/24", Reason: "listed by bl.test"},
			{Action: "greylisted", Sender: "x@mx.a.test", Network: "198.18.7.0/24", Reason: "does not tell who it is"},
			{Action: "greylisted", Sender: "x@suspect.test", Network: "198.18.9.0/24", Reason: "has no name"},
			{Action: "refused", Sender: "x@sub.pest.test", Network: "198.18.13.0/24", Reason: "this sender is not taken"},
		} {
			if _, err := find(all, want.Action, want.Sender, want.Network, want.Reason); err != nil {
				return err
			}
		}
		return nil
	})
	w.releaseJunk(t)
	w.releaseRefused(t)
}

func (w *world) releaseJunk(t *testing.T) {
	const from = "x@strict.test"
	line, err := find(w.rejectsOf(t), "junked", from, "198.18.2.0/24", "SPF record")
	if err != nil {
		t.Fatal(err)
	}
	w.do(t, "rejects", "release", alice, line.ID)
	w.filed(t, alice, "INBOX", "forged: SPF")
	p := peer{"198.18.2.10", "mx.evil.test"}
	n := 0
	until(t, func() error {
		n++
		subject := fmt.Sprintf("after the release %d", n)
		if r := w.send(t, p, from, alice, by(from, subject)); r.Code != 250 || w.in(t, alice, "INBOX", subject) == nil {
			return fmt.Errorf("%v, in INBOX: no", r)
		}
		return nil
	})
}

// releaseRefused lets a sender pass whom a policy refuses, from his network and
// no other.
func (w *world) releaseRefused(t *testing.T) {
	line, err := find(w.rejectsOf(t), "refused", "x@lists.test", "198.18.5.0/24", "policy of reject.test")
	if err != nil {
		t.Fatal(err)
	}
	w.do(t, "rejects", "release", alice, line.ID)
	until(t, func() error {
		r := w.send(t, peer{"198.18.5.10", "mx.lists.test"}, "x@lists.test", alice, by("member@reject.test", "let in"))
		return r.Err()
	})
	w.filed(t, alice, "INBOX", "let in")
	r := w.send(t, peer{"198.18.2.10", "mx.evil.test"}, "x@lists.test", alice, by("member@reject.test", "not let in"))
	want(t, "from elsewhere", r, 550, "policy of reject.test")
}
