package imapd_test

import (
	"testing"

	"postroom/internal/mail"
)

// Most clients tell their name only after the log-in: the history has it
// nevertheless, and what never tells one is noted too, each log-in once.
func TestLoginIsNotedWithTheClientsName(t *testing.T) {
	b := newBackend(t)
	ann := b.account(t, "ann@example.test")
	for _, c := range []struct{ name, before, after, client string }{
		{"ID after it", "", "b CAPABILITY\r\nb NOOP\r\nb ID (\"name\" \"K-9 Mail\")\r\nb SELECT INBOX\r\n", "K-9 Mail"},
		{"ID before it", "b ID (\"name\" \"iPhone Mail\" \"version\" \"1\")\r\n", "b SELECT INBOX\r\n", "iPhone Mail"},
		{"ID too late", "", "b SELECT INBOX\r\nb ID (\"name\" \"late\")\r\n", ""},
		{"no ID", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := b.config()
			notes := make(chan mail.Login, 10)
			cfg.NoteLogin = func(l mail.Login) { notes <- l }
			_, addr := serve(t, cfg, false)
			cl := dial(t, addr)
			cl.write(t, c.before+"a LOGIN ann@example.test wrong\r\n")
			cl.until(t, "a NO")
			cl.login(t, "ann@example.test")
			cl.write(t, c.after+"z LOGOUT\r\n")
			cl.until(t, "z OK")
			failed, got := <-notes, <-notes
			if failed.Account != 0 || failed.Address.String() != "ann@example.test" || failed.Reason != "bad-credentials" || failed.Protocol != "imap" {
				t.Errorf("the failure: %+v", failed)
			}
			if got.Account != ann || got.Client != c.client || got.Mechanism != "LOGIN" || got.Protocol != "imap" || got.Reason != "" || got.Peer.String() != "127.0.0.1" {
				t.Errorf("the log-in: %+v", got)
			}
			if len(notes) > 0 {
				t.Errorf("noted twice: %+v", <-notes)
			}
		})
	}
}
