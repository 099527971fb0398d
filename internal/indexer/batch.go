package indexer

import (
	"bytes"
	"context"
	"io"
	"slices"
	"time"

	"postroom/internal/mail"
	"postroom/internal/message"
	"postroom/internal/searchtext"
)

const columns = mail.ColBlob | mail.ColOctets | mail.ColParts | mail.WithExpunged

// batch indexes the next messages of a mailbox above a UID, and gives the UID
// up to which they are indexed then; after itself when there were none.
func (w *Worker) batch(ctx context.Context, m mail.Unindexed, after mail.UID) (upTo mail.UID, err error) {
	begun, delivering := time.Now(), w.store.Delivering(ctx)
	uids, upTo, err := w.store.ToIndex(ctx, m.Account, m.Mailbox, after, batchMessages)
	if err != nil || upTo <= after {
		return after, err
	}
	entries, err := w.entries(ctx, m, uids)
	if err != nil {
		return after, err
	}
	if err := w.store.SaveIndexed(ctx, m.Account, m.Mailbox, upTo, entries); err != nil {
		return after, err
	}
	w.done += int64(len(entries))
	w.progress(ctx)
	return upTo, w.rest(ctx, time.Since(begun), delivering)
}

// entries reads messages. One that can't be read is left to every search,
// which then says so.
func (w *Worker) entries(ctx context.Context, m mail.Unindexed, uids mail.UIDSet) ([]mail.SearchEntry, error) {
	var out []mail.SearchEntry
	err := w.store.FetchMessages(ctx, m.Account, m.Mailbox, uids, columns, func(r *mail.MessageRow) error {
		e := mail.SearchEntry{Message: r.MessageID}
		in, err := w.index(ctx, r)
		switch {
		case err == nil:
			e.Whole, e.Grams = in.Whole, slices.Clone(in.Grams)
		case !mail.Is(err, mail.CodeInternal) && !mail.Is(err, mail.CodeNotFound):
			return err
		default:
			w.log.Warn("a message cannot be read for the search index", "account", m.Account, "mailbox", m.Mailbox, "uid", r.UID, "error", err)
		}
		out = append(out, e)
		return nil
	})
	return out, err
}

func (w *Worker) index(ctx context.Context, r *mail.MessageRow) (searchtext.Indexed, error) {
	root, err := message.DecodeParts(r.Parts)
	if err != nil {
		return searchtext.Indexed{}, err
	}
	return w.x.Index(ctx, octets{w.store, r}, root)
}

// octets are those of one message; implements searchtext.Octets.
type octets struct {
	store Store
	row   *mail.MessageRow
}

// Header implements searchtext.Octets.
func (o octets) Header(ctx context.Context) ([]byte, error) {
	buf := bytes.NewBuffer(slices.Clone(o.row.Prefix))
	n := min(o.row.HeaderSize, message.MaxHeader-int64(buf.Len()))
	if n <= 0 {
		return buf.Bytes()[:min(buf.Len(), message.MaxHeader)], nil
	}
	err := o.copy(ctx, buf, 0, n)
	return buf.Bytes(), err
}

// Part implements searchtext.Octets.
func (o octets) Part(ctx context.Context, off, n int64) io.ReadCloser {
	if o.row.Octets != nil {
		end := min(off+n, int64(len(o.row.Octets)))
		return io.NopCloser(bytes.NewReader(o.row.Octets[min(off, end):end]))
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(o.copy(ctx, w, off, n)) }()
	return r
}

func (o octets) copy(ctx context.Context, w io.Writer, off, n int64) error {
	if end := off + n; o.row.Octets != nil && end <= int64(len(o.row.Octets)) {
		_, err := w.Write(o.row.Octets[off:end])
		return err
	}
	return o.store.WriteTo(ctx, w, o.row.BlobID, off, n)
}
