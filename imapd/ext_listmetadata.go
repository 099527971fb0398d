package imapd

import (
	"context"

	"postroom/internal/mail"
)

// LIST-METADATA (RFC 9590): LIST gives the annotations of each mailbox behind
// its LIST response, as GETMETADATA would. A name that is no mailbox, or that
// the user may not read the annotations of, has none.

// annotated tells whether a name that is shown gets a METADATA response.
func (a *listArgs) annotated(n *node) bool {
	return len(a.metadata) > 0 && n.box != nil && a.selects(n) && n.rights&mail.MetadataRights != 0
}

// annotations reads those of listed mailboxes, some mailboxes at a time.
type annotations struct {
	names   []string
	pending []*node             // not written yet
	ahead   [][]mail.Annotation // of the first of pending
}

func (a *listArgs) annotations(shown []*node) *annotations {
	l := &annotations{names: a.metadata}
	for _, n := range shown {
		if a.annotated(n) {
			l.pending = append(l.pending, n)
		}
	}
	return l
}

// writeNext writes the METADATA response of the first mailbox that has none yet.
func (l *annotations) writeNext(ctx context.Context, s *session) error {
	if len(l.ahead) == 0 {
		if err := l.read(ctx, s); err != nil {
			return err
		}
	}
	n := l.pending[0]
	a := getMetadataArgs{mailbox: n.name, names: l.names, maxSize: -1}
	s.writeMetadata(a, a.complete(*n.box, l.ahead[0]))
	l.pending, l.ahead = l.pending[1:], l.ahead[1:]
	return nil
}

func (l *annotations) read(ctx context.Context, s *session) (err error) {
	account := l.pending[0].box.Account
	var ids []mail.MailboxID
	for _, n := range l.pending {
		if n.box.Account != account {
			break
		}
		ids = append(ids, n.box.ID)
	}
	l.ahead, err = s.srv.Store.ListMetadata(ctx, account, ids, s.identity.Account, l.names)
	return err
}
