package server

import (
	"context"
	"fmt"

	"postroom/imapd"
	"postroom/internal/admin"
	"postroom/internal/auth"
	"postroom/internal/listen"
	"postroom/internal/mail"
	"postroom/store"
)

// openIMAP opens ports 143 and 993. The gate before them believes the PROXY
// protocol and counts per client.
func (s *Server) openIMAP(context.Context, Options) error {
	if !s.cfg.HasRole("imap") {
		return nil
	}
	without, err := imapWithout(s.cfg.IMAPWithout)
	if err != nil {
		return err
	}
	s.imap = imapd.New(imapd.Config{Hostname: s.cfg.Hostname, Store: s.store, Blobs: s.store, Spool: s.spool,
		Append: s.append, Replace: s.replace, Auth: s.auth, StillValid: s.imapValid, NoteLogin: s.auth.Note,
		SetQuotas: func(ctx context.Context, by imapd.Identity, address string, q imapd.Quotas) error {
			a := admin.New(admin.Config{Store: s.store, Actor: mail.Actor("imap:" + by.Login)})
			_, err := a.SetQuotas(ctx, by.Account, address, q.Octets, q.Messages)
			return err
		},
		WatchMailbox:   func(a mail.AccountID, m mail.MailboxID) imapd.Watch { return watch(s.store.Watch(a, m)) },
		WatchAccount:   func(a mail.AccountID) imapd.Watch { return watch(s.store.WatchAccount(a)) },
		WatchMailboxes: func(m []mail.Mailbox) imapd.Watch { return watch(s.store.WatchMailboxes(m)) },
		Heard:          s.store.Heard,
		TLS:            s.tls.ForClients(), AuthWithoutTLS: s.cfg.AuthWithoutTLS, LiftLimits: s.cfg.LiftLimits, Log: s.log,
		Without:        without,
		MessageLimit:   s.cfg.IMAPMessageLimit,
		MaxMessageSize: s.cfg.MaxMessageSize, MaxConnections: s.cfg.Limits.Connections,
		MaxPerAddress: s.cfg.Limits.Connections, // the gate counts them, behind a proxy too
	})
	gate := listen.NewGate(s.cfg.Limits.Connections, s.cfg.Limits.ConnectionsPerAddress, exempt(s.cfg, s.gateways))
	for _, d := range s.doors {
		if d.role != "imap" {
			continue
		}
		refusal := "* BYE [LIMIT] too many connections, try again later\r\n"
		if d.implicit {
			refusal = ""
		}
		for _, socket := range d.sockets {
			l := listen.New(socket, listen.Config{ProxyNetworks: s.cfg.ProxyNetworks, Refusal: refusal, Log: s.log}, gate)
			go s.serve(d.key, func() error { return s.imap.Serve(context.Background(), l, d.implicit) })
		}
	}
	return nil
}

func imapWithout(keys []string) (all []imapd.Without, err error) {
	for _, k := range keys {
		w, err := imapd.ParseWithout(k)
		if err != nil {
			return nil, fmt.Errorf("imap_without: %w", err)
		}
		all = append(all, w)
	}
	return all, nil
}

func watch(w *store.Watch) imapd.Watch { return imapd.Watch{C: w.C, Close: w.Close} }

var errInvalid = mail.Errorf(mail.CodeNoPermission, "the log-in is no longer valid")

// stillValid ends sessions whose password was changed or whose account was
// disabled.
func (s *Server) stillValid(ctx context.Context, id auth.Identity) error {
	st, err := s.store.AccountState(ctx, id.Account)
	if err != nil {
		return err
	}
	if !st.Allows(id.Credential) {
		return errInvalid
	}
	return nil
}

// imapValid tells beside what the account's IMAP sessions do not get.
func (s *Server) imapValid(ctx context.Context, id auth.Identity) ([]string, error) {
	st, err := s.store.AccountState(ctx, id.Account)
	if err == nil && !st.Allows(id.Credential) {
		err = errInvalid
	}
	return st.IMAPWithout, err
}

// replace stores what a client uploads in the place of another message.
func (s *Server) replace(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, m imapd.AppendMessage, old imapd.Replaced) (mail.UIDSet, error) {
	r, err := s.store.Replace(ctx, account, mailbox, toStore(m), store.Replaced{Mailbox: old.Mailbox, UID: old.UID})
	return mail.UIDSetOf(r.UIDs...), err
}

func toStore(m imapd.AppendMessage) store.AppendMessage {
	return store.AppendMessage{Flags: m.Flags, Keywords: m.Keywords, Received: m.Received, Content: m.Message, Summary: m.Message.Summary}
}

// append stores what a client uploads.
func (s *Server) append(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, messages []imapd.AppendMessage) (mail.UIDSet, error) {
	var all []store.AppendMessage
	for _, m := range messages {
		all = append(all, toStore(m))
	}
	r, err := s.store.Append(ctx, account, mailbox, all)
	var uids mail.UIDSet
	for _, u := range r.UIDs { // in the order given, which is ascending
		uids.Append(u)
	}
	return uids, err
}
