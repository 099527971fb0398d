package indexer

import (
	"context"
	"io"
	"log/slog"
	"time"

	"postroom/internal/mail"
	"postroom/internal/searchtext"
)

// Store is what the worker needs of the mail store.
type Store interface {
	Unindexed(ctx context.Context, most int) ([]mail.Unindexed, error)
	SearchProgress(ctx context.Context) (mail.SearchProgress, error)
	ToIndex(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, after mail.UID, limit int) (uids mail.UIDSet, upTo mail.UID, err error)
	FetchMessages(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, uids mail.UIDSet, cols mail.Columns, fn func(*mail.MessageRow) error) error
	WriteTo(ctx context.Context, w io.Writer, blob mail.BlobID, off, n int64) error
	SaveIndexed(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, upTo mail.UID, entries []mail.SearchEntry) error
	Unread(ctx context.Context, most int) ([]mail.Unindexed, error)
	ToRead(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, after mail.UID, limit int) (uids mail.UIDSet, upTo mail.UID, err error)
	KeptDocuments(ctx context.Context, blob mail.BlobID) (map[int64]string, error)
	SaveDocuments(ctx context.Context, account mail.AccountID, mailbox mail.MailboxID, upTo mail.UID, texts []mail.DocumentText, entries []mail.SearchEntry) error
	IndexTurn(ctx context.Context, fn func(context.Context) error) error
	// Delivering tells whether deliveries are being written now, by any node.
	Delivering(ctx context.Context) bool
}

// What the worker does at once, and how often.
const (
	roundMailboxes = 1000
	batchMessages  = 128
	lookEvery      = 10 * time.Second // for new mail
	lookShare      = 50               // looking takes at most one part in so many of the time
	idleShare      = 19               // beside deliveries: so many parts of rest to one of work
	maxRest        = time.Minute      // more than after the largest merge of segments
	progressEvery  = 30 * time.Second
)

// Reader reads the text of PDF and office files (internal/doctext).
type Reader interface {
	Text(ctx context.Context, mediaType string, file io.Reader) (string, error)
}

// Worker indexes.
type Worker struct {
	store  Store
	log    *slog.Logger
	x      *searchtext.Indexer
	reader Reader // nil: files stay unread

	told      time.Time
	announced bool  // that there is much to do
	done      int64 // messages of this round
}

// New makes a Worker; it does nothing before Run or Round. Files are read by
// reader, or not at all when it is nil.
func New(s Store, reader Reader, log *slog.Logger) *Worker {
	return &Worker{store: s, reader: reader, log: log, x: new(searchtext.Indexer)}
}

// Run indexes what comes until ctx ends.
func (w *Worker) Run(ctx context.Context) {
	for {
		begun := time.Now()
		more, err := w.Round(ctx)
		if err != nil && ctx.Err() == nil {
			w.log.Warn("the search index falls behind; searches are right, and slower", "error", err)
		}
		rest := max(lookEvery, lookShare*w.lookTook(begun))
		if more && err == nil {
			rest = 0
		}
		if !sleep(ctx, rest) {
			return
		}
	}
}

// lookTook is how long a round took that found nothing to do.
func (w *Worker) lookTook(begun time.Time) time.Duration {
	if w.done > 0 {
		return 0
	}
	return time.Since(begun)
}

// Round indexes what there is now, if no other node does, and then reads files
// for a while. It tells whether there may be more. An error leaves the rest to
// the next round.
func (w *Worker) Round(ctx context.Context) (more bool, err error) {
	w.done, w.told = 0, time.Now()
	list, err := w.store.Unindexed(ctx, roundMailboxes)
	if err != nil {
		return false, err
	}
	unread, err := w.unread(ctx)
	if err != nil {
		return false, err
	}
	if len(list)+len(unread) > 0 {
		err = w.store.IndexTurn(ctx, func(ctx context.Context) error {
			more = len(list) == roundMailboxes
			if err := w.mailboxes(ctx, list); err != nil || more {
				return err
			}
			more, err = w.files(ctx)
			return err
		})
	}
	if err == nil && w.announced && !more {
		w.announced = false
		w.log.Info("all mail is indexed for searches")
	}
	return more, err
}

func (w *Worker) mailboxes(ctx context.Context, list []mail.Unindexed) error {
	for _, m := range list {
		for at := m.Indexed; ; {
			upTo, err := w.batch(ctx, m, at)
			if err != nil {
				return err
			}
			if upTo <= at {
				break
			}
			at = upTo
		}
	}
	return nil
}

// rest gives deliveries the machine: beside them, work is a twentieth of the time.
func (w *Worker) rest(ctx context.Context, worked time.Duration, delivering bool) error {
	if (delivering || w.store.Delivering(ctx)) && !sleep(ctx, min(idleShare*worked, maxRest)) {
		return ctx.Err()
	}
	return ctx.Err()
}

// progress tells now and then how far old mail is.
func (w *Worker) progress(ctx context.Context) {
	if time.Since(w.told) < progressEvery {
		return
	}
	w.told, w.announced = time.Now(), true
	if p, err := w.store.SearchProgress(ctx); err == nil {
		w.log.Info("indexing mail for searches", "done", p.Messages-p.Unindexed, "of", p.Messages)
		if w.reader != nil {
			w.log.Info("reading PDF and office files for searches", "done", p.Messages-p.Unread, "of", p.Messages)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
