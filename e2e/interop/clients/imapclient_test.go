package clients

import (
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"postroom/e2e/testbed"
)

func TestImapclient(t *testing.T) {
	d := newDesk(t)
	d.submit(t, "for imapclient")
	cfg, err := d.TLS()
	if err != nil {
		t.Fatal(err)
	}
	c, err := imapclient.DialStartTLS(d.Ports.IMAP, &imapclient.Options{TLSConfig: cfg})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login(d.bob, testbed.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	boxes, err := c.List("", "*", nil).Collect()
	if err != nil || len(boxes) != 6 {
		t.Errorf("LIST: %d mailboxes, %v", len(boxes), err)
	}
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	msgs, err := c.Fetch(imap.SeqSetNum(1), &imap.FetchOptions{Envelope: true, Flags: true, UID: true,
		BodyStructure: &imap.FetchItemBodyStructure{Extended: true}, RFC822Size: true}).Collect()
	if err != nil || len(msgs) != 1 {
		t.Fatalf("FETCH: %d messages, %v", len(msgs), err)
	}
	m := msgs[0]
	if m.Envelope.Subject != "for imapclient" || m.Envelope.From[0].Addr() != d.alice || m.Envelope.MessageID == "" {
		t.Errorf("envelope %+v", m.Envelope)
	}
	if m.BodyStructure.MediaType() != "text/plain" || m.RFC822Size == 0 {
		t.Errorf("bodystructure %v, size %d", m.BodyStructure, m.RFC822Size)
	}
	if err := c.Store(imap.SeqSetNum(1), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagSeen, "$Forwarded"}}, nil).Close(); err != nil {
		t.Error(err)
	}
	found, err := c.UIDSearch(&imap.SearchCriteria{Flag: []imap.Flag{"$Forwarded"}, Text: []string{"DEAR BOB"}}, nil).Wait()
	if err != nil || len(found.AllUIDs()) != 1 {
		t.Errorf("SEARCH: %v %v", found, err)
	}
	if data, err := c.Move(imap.SeqSetNum(1), "Archive").Wait(); err != nil || data.UIDValidity == 0 {
		t.Errorf("MOVE: %+v %v", data, err)
	}
	st, err := c.Status("Archive", &imap.StatusOptions{NumMessages: true, NumUnseen: true}).Wait()
	if err != nil || *st.NumMessages != 1 || *st.NumUnseen != 0 {
		t.Errorf("STATUS: %+v %v", st, err)
	}
	if !strings.Contains(string(d.arrived(t, "Archive", "for imapclient")), "Dear Bob,") {
		t.Error("the archived message lost its text")
	}
	if _, err := d.CLI("a new password\n", "account", "password", d.bob, "--password-stdin"); err != nil {
		t.Fatal(err)
	}
	if err := c.Noop().Wait(); err == nil {
		err = testbed.Until(t.Context(), 10e9, func() error {
			if c.Noop().Wait() != nil {
				return nil
			}
			return errStillOpen
		})
		if err != nil {
			t.Error(err)
		}
	}
}

type constError string

func (e constError) Error() string { return string(e) }

const errStillOpen = constError("the session goes on after the password was changed")
