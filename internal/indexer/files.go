package indexer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"postroom/internal/doctext"
	"postroom/internal/mail"
	"postroom/internal/message"
	"postroom/internal/searchtext"
)

// Bounds of reading files.
const (
	lookAtOnce  = 256              // messages that are asked whether they have files
	maxFiles    = 16               // of one message; more stay unread
	filesAtMost = 10 * time.Second // then new mail is indexed first
)

// unread gives the mailboxes with files to read.
func (w *Worker) unread(ctx context.Context) ([]mail.Unindexed, error) {
	if w.reader == nil {
		return nil, nil
	}
	return w.store.Unread(ctx, roundMailboxes)
}

// files reads those of mailboxes, for a while, and tells whether there may be
// more.
func (w *Worker) files(ctx context.Context) (more bool, err error) {
	list, err := w.unread(ctx)
	if err != nil {
		return false, err
	}
	until := time.Now().Add(filesAtMost)
	for _, m := range list {
		done, err := w.mailboxFiles(ctx, m, until)
		if errors.Is(err, doctext.ErrGone) {
			w.log.Warn("search_text_helper can't be started: PDF and office files wait for it", "error", err)
			return false, nil
		}
		if err != nil || !done {
			return true, err
		}
	}
	return len(list) == roundMailboxes, nil
}

// mailboxFiles reads the files of a mailbox until some time, and tells whether
// that was all.
func (w *Worker) mailboxFiles(ctx context.Context, m mail.Unindexed, until time.Time) (done bool, err error) {
	for at := m.Indexed; ; {
		uids, upTo, err := w.store.ToRead(ctx, m.Account, m.Mailbox, at, lookAtOnce)
		if err != nil || upTo <= at {
			return true, err
		}
		having, err := w.havingFiles(ctx, m, uids)
		if err != nil {
			return false, err
		}
		for _, uid := range having {
			if err := w.messageFiles(ctx, m, uid); err != nil {
				return false, err
			}
			if time.Now().After(until) {
				return false, nil
			}
		}
		if err := w.store.SaveDocuments(ctx, m.Account, m.Mailbox, upTo, nil, nil); err != nil {
			return false, err
		}
		at = upTo
	}
}

// havingFiles gives those of the messages that have files to read.
func (w *Worker) havingFiles(ctx context.Context, m mail.Unindexed, uids mail.UIDSet) (having []mail.UID, err error) {
	err = w.store.FetchMessages(ctx, m.Account, m.Mailbox, uids, mail.ColBlob|mail.ColParts|mail.WithExpunged, func(r *mail.MessageRow) error {
		if root, err := message.DecodeParts(r.Parts); err == nil && len(searchtext.Documents(root)) > 0 {
			having = append(having, r.UID)
		}
		return nil
	})
	return having, err
}

// messageFiles reads the files of one message and indexes it with them. What
// can't be read is left as it is.
func (w *Worker) messageFiles(ctx context.Context, m mail.Unindexed, uid mail.UID) error {
	begun, delivering := time.Now(), w.store.Delivering(ctx)
	row, err := w.row(ctx, m, uid)
	if err != nil || row == nil { // gone meanwhile
		return err
	}
	texts, entries, err := w.withFiles(ctx, m, row)
	if ours := ctx.Err() != nil || errors.Is(err, doctext.ErrGone); !ours && (mail.Is(err, mail.CodeInternal) || mail.Is(err, mail.CodeNotFound)) {
		w.log.Warn("a message's files can't be read for the search index", "account", m.Account, "mailbox", m.Mailbox, "uid", uid, "error", err)
		texts, entries, err = nil, nil, nil
	}
	if err != nil {
		return err
	}
	if err := w.store.SaveDocuments(ctx, m.Account, m.Mailbox, uid, texts, entries); err != nil {
		return err
	}
	w.done++
	w.progress(ctx)
	return w.rest(ctx, time.Since(begun), delivering)
}

// row gives a message's, for use after the store's statement is over.
func (w *Worker) row(ctx context.Context, m mail.Unindexed, uid mail.UID) (row *mail.MessageRow, err error) {
	err = w.store.FetchMessages(ctx, m.Account, m.Mailbox, mail.UIDSetOf(uid), columns, func(r *mail.MessageRow) error {
		c := *r
		c.Prefix, c.Parts, c.Octets = bytes.Clone(r.Prefix), bytes.Clone(r.Parts), bytes.Clone(r.Octets)
		row = &c
		return nil
	})
	return row, err
}

func (w *Worker) withFiles(ctx context.Context, m mail.Unindexed, row *mail.MessageRow) ([]mail.DocumentText, []mail.SearchEntry, error) {
	root, err := message.DecodeParts(row.Parts)
	if err != nil {
		return nil, nil, err
	}
	o := &withFiles{octets: octets{w.store, row}}
	texts, err := w.read(ctx, m, o, root)
	if err != nil {
		return nil, nil, err
	}
	in, err := w.x.Index(ctx, o, root)
	if err != nil {
		return nil, nil, err
	}
	return texts, []mail.SearchEntry{{Message: row.MessageID, Whole: in.Whole, Grams: slices.Clone(in.Grams)}}, nil
}

// read gives the texts of a message's files: what is kept from another message
// with the same octets, else what the reader says. It leaves them with o too.
func (w *Worker) read(ctx context.Context, m mail.Unindexed, o *withFiles, root *message.Part) (texts []mail.DocumentText, err error) {
	if o.texts, err = w.store.KeptDocuments(ctx, o.row.BlobID); err != nil {
		return nil, err
	}
	all := searchtext.Documents(root)
	for _, p := range all[:min(len(all), maxFiles)] {
		if _, kept := o.texts[p.BodyOff]; !kept {
			if o.texts[p.BodyOff], err = w.file(ctx, m, o, p); err != nil {
				return nil, err
			}
		}
		texts = append(texts, mail.DocumentText{Message: o.row.MessageID, Blob: o.row.BlobID, Off: p.BodyOff, Text: o.texts[p.BodyOff]})
	}
	return texts, nil
}

// file reads one. What the reader can't read has no text, whatever the reason:
// the log tells it.
func (w *Worker) file(ctx context.Context, m mail.Unindexed, o *withFiles, p *message.Part) (string, error) {
	raw := o.Part(ctx, p.BodyOff, p.EndOff-p.BodyOff)
	defer raw.Close()
	text, err := w.decoded(ctx, raw, p)
	switch {
	case err == nil:
		return text, nil
	case errors.Is(err, doctext.ErrGone) || ctx.Err() != nil || mail.Is(err, mail.CodeUnavailable):
		return "", err
	}
	w.log.Warn("no text was read from a file", "account", m.Account, "mailbox", m.Mailbox, "uid", o.row.UID,
		"type", p.Type+"/"+p.Subtype, "error", err)
	return "", nil
}

func (w *Worker) decoded(ctx context.Context, raw io.Reader, p *message.Part) (string, error) {
	file, err := message.DecodeBody(raw, p.Encoding, "")
	if err != nil {
		return "", err
	}
	return w.reader.Text(ctx, p.Type+"/"+p.Subtype, file)
}

// withFiles are the octets of a message whose files were read; implements
// searchtext.Texts.
type withFiles struct {
	octets
	texts map[int64]string
}

// Document implements searchtext.Texts.
func (o *withFiles) Document(_ context.Context, p *message.Part) (string, error) {
	return o.texts[p.BodyOff], nil
}
