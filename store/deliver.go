package store

import (
	"context"
	"slices"
	"time"

	"postroom/internal/mail"
)

// queueLifetime is how long an entry is tried when Outbound.Expires is not set.
const queueLifetime = 5 * 24 * time.Hour

// Deliver writes everything one accepted message changes in one transaction,
// and returns after its commit. A message that a peer sends again within four
// hours (same Fingerprint) is answered with the first id and Duplicate.
//
// Errors: mail.CodeNotFound (a mailbox is gone), CodeNoSuchUser (an account
// is), CodeOverQuota, CodeSendLimit, CodeStorageFull, CodeUnavailable; then nothing is
// written. Only when the database stayed away after the commit was sent does
// CodeUnavailable leave that open; the Fingerprint then catches the retry.
func (s *Store) Deliver(ctx context.Context, d *mail.Delivery) (mail.Delivered, error) {
	u, err := s.deliveryUnit(ctx, d)
	if err != nil {
		return mail.Delivered{}, err
	}
	err = s.write(ctx, u)
	if mail.Is(err, mail.CodeNotFound) && junks(d) { // a Junk mailbox was deleted meanwhile: look again
		if u, err = s.deliveryUnit(ctx, d); err == nil {
			err = s.write(ctx, u)
		}
	}
	if err != nil {
		return mail.Delivered{}, err
	}
	if u.trace != d.Trace {
		return mail.Delivered{Trace: u.trace, Duplicate: true}, nil
	}
	out := mail.Delivered{Trace: d.Trace, Filed: make([]mail.Filed, len(u.filed))}
	for i, f := range u.filed {
		out.Filed[i] = mail.Filed{Account: f.account, Mailbox: f.mailbox, UID: f.uid}
	}
	return out, nil
}

// write hands a unit to the lane that suits it and waits for its fate.
func (s *Store) write(ctx context.Context, u *unit) error {
	if len(u.blobs) > 1 || u.blobs[0].chunks == nil || len(u.needs) > 0 {
		return s.lane.alone(ctx, u)
	}
	return s.lane.submit(ctx, u)
}

// deliveryUnit resolves names to ids and makes the ids of all rows.
func (s *Store) deliveryUnit(ctx context.Context, d *mail.Delivery) (*unit, error) {
	if len(d.Locals) == 0 && len(d.Relay) == 0 {
		return nil, mail.Errorf(mail.CodeInvalid, "a delivery needs a recipient")
	}
	if d.Trace == 0 {
		d.Trace = mail.TraceID(s.NewID())
	}
	u := &unit{trace: d.Trace, accepted: d.Fingerprint, sending: d.Sending}
	b, err := s.blobWrite(d.Content, d.Summary.Size)
	if err != nil {
		return nil, err
	}
	u.addBlob(b)
	if err := s.addLocals(ctx, u, d, b.id); err != nil {
		return nil, err
	}
	if len(d.Relay) > 0 {
		s.addRelay(u, d, b.id)
	}
	for _, e := range d.Events {
		e.Trace = d.Trace
		s.addEvent(u, e)
	}
	for i := range d.Locals {
		l := &d.Locals[i]
		s.addEvent(u, mail.Event{Trace: d.Trace, Kind: mail.EventFiled, Account: l.Account, Recipient: l.Recipient.String(), Text: l.Why})
	}
	for i := range d.Relay {
		kind := mail.EventQueued
		if d.Outbound.Held {
			kind = mail.EventHeld
		}
		s.addEvent(u, mail.Event{Trace: d.Trace, Kind: kind, Account: d.Outbound.Account,
			Recipient: d.Relay[i].Address.String(), Peer: d.Relay[i].Address.Domain, Text: d.Outbound.Why})
	}
	return u, nil
}

func (s *Store) addLocals(ctx context.Context, u *unit, d *mail.Delivery, blob mail.BlobID) error {
	u.messages = make([]messageWrite, len(d.Locals))
	for i := range d.Locals {
		l := &d.Locals[i]
		k := mailboxKey{l.Account, l.Mailbox}
		var err error
		if k.mailbox == 0 {
			if k.mailbox, err = s.target(ctx, l); err != nil {
				return err
			}
		}
		kw, err := s.lane.names.keywords(ctx, l.Account, l.Keywords)
		if err != nil {
			return err
		}
		u.messages[i] = messageWrite{mailboxKey: k, id: mail.MessageID(s.NewID()), blob: blob,
			prefix: l.Prefix, size: int64(len(l.Prefix)) + d.Summary.Size, summary: &d.Summary,
			flags: l.Flags, keywords: kw, received: l.Received, trace: d.Trace}
	}
	return nil
}

// target is the mailbox of a local delivery that names none.
func (s *Store) target(ctx context.Context, l *mail.LocalDelivery) (mail.MailboxID, error) {
	if l.Junk {
		if id, err := s.junkMailbox(ctx, l.Account); err != nil || id != 0 {
			return id, err
		}
	}
	return s.lane.names.inbox(ctx, l.Account)
}

func junks(d *mail.Delivery) bool {
	return slices.ContainsFunc(d.Locals, func(l mail.LocalDelivery) bool { return l.Junk })
}

func (s *Store) addRelay(u *unit, d *mail.Delivery, blob mail.BlobID) {
	if d.Outbound.Expires.IsZero() {
		d.Outbound.Expires = time.Now().Add(queueLifetime)
	}
	q := &queueWrite{out: &d.Outbound, blob: blob, header: d.Summary.HeaderSize,
		size: int64(len(d.Outbound.Prefix)) + d.Summary.Size}
	for _, r := range d.Relay {
		q.entries = append(q.entries, entryWrite{mail.EntryID(s.NewID()), r})
	}
	u.queue = q
}

func (s *Store) addEvent(u *unit, e mail.Event) {
	if e.At.IsZero() {
		e.At = time.Now()
	}
	u.events = append(u.events, eventWrite{s.NewID(), e})
}

// aloneAbove is the size from which a message has a transaction of its own,
// its chunks read one by one: it would hold up its neighbours and fill memory.
const aloneAbove = 1 << 20

// blobWrite takes the chunks of a small message into memory; a large one is
// read while it is written. A single chunk is not copied: nobody asks for
// another while the caller waits.
func (s *Store) blobWrite(c mail.Content, size int64) (blobWrite, error) {
	b := blobWrite{id: mail.BlobID(s.NewID()), content: c}
	if size > aloneAbove {
		return b, nil
	}
	b.chunks = make([][]byte, c.Chunks())
	for i := range b.chunks {
		p, err := c.Chunk(i)
		if err != nil {
			return b, dbError(err)
		}
		if len(b.chunks) > 1 {
			p = append([]byte(nil), p...)
		}
		b.chunks[i] = p
	}
	return b, nil
}

func (u *unit) addBlob(b blobWrite) {
	for _, c := range b.chunks {
		u.bytes += int64(len(c))
	}
	u.blobs = append(u.blobs, b)
}
