package delivery

import (
	"mime"
	"strings"
	"sync"
	"unicode"

	"postroom/internal/mail"
	"postroom/internal/message"
)

// rejects gathers what the Rejects of accounts are told next: what repeats is
// one with a count, and a flood beyond measure is one line per account.
type rejects struct {
	mu      sync.Mutex
	waiting map[rejectKey]*mail.Reject
}

type rejectKey struct {
	account mail.AccountID
	action  mail.RejectAction
	network string
	from    mail.Address
	trace   mail.TraceID // of what is junked, which is never one with another
}

// rejectsWaiting bounds the senders that wait to be told; with one line for each
// account beyond them it is rejectsTold.
const (
	rejectsWaiting = 2000
	rejectsTold    = 4000
)

func (r *rejects) add(x mail.Reject) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		r.waiting = map[rejectKey]*mail.Reject{}
	}
	key := rejectKey{account: x.Account, action: x.Action, network: x.Network.String(), from: x.Sender}
	if x.Action == mail.RejectJunked {
		key.trace = x.Trace
	}
	if have := r.waiting[key]; have != nil {
		have.Count, have.At, have.Reason = have.Count+x.Count, x.At, x.Reason
		return
	}
	if len(r.waiting) >= rejectsWaiting {
		key = rejectKey{account: x.Account, action: x.Action}
		x = mail.Reject{Account: x.Account, At: x.At, Count: x.Count, Action: x.Action, Reason: "many at once, of several senders"}
		if have := r.waiting[key]; have != nil {
			have.Count, have.At = have.Count+x.Count, x.At
			return
		}
	}
	if len(r.waiting) < rejectsTold {
		r.waiting[key] = &x
	}
}

func (r *rejects) take() []mail.Reject {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]mail.Reject, 0, len(r.waiting))
	for _, x := range r.waiting {
		out = append(out, *x)
	}
	r.waiting = nil
	return out
}

// noteReject puts a message that was seen down for the Rejects of its local
// recipients: of those whose copy lies in Junk, or of all.
func (m *Incoming) noteReject(what mail.RejectAction, reason string) {
	if !receives(m.s) {
		return
	}
	from, subject := headerText(m.head, "From"), headerText(m.head, "Subject")
	for _, l := range m.route.locals {
		if what == mail.RejectJunked && !m.junk[l.account] {
			continue
		}
		m.d.rejects.add(mail.Reject{Account: l.account, At: m.at, Count: 1, Network: networkOf(m.s.Peer.Addr()), Sender: m.e.From,
			From: from, Subject: subject, Action: what, Reason: reason, Trace: m.trace})
	}
}

// temporary tells what is our own fault: the sender comes again.
func temporary(err error) bool {
	return mail.Is(err, mail.CodeInternal) || mail.Is(err, mail.CodeUnavailable) || mail.Is(err, mail.CodeStorageFull)
}

// headerText gives a field as a person reads it, cut to a line.
func headerText(header []byte, name string) string {
	const most = 200
	for f := range message.Fields(header) {
		if !strings.EqualFold(string(f.Name), name) {
			continue
		}
		text, err := new(mime.WordDecoder).DecodeHeader(string(f.Value))
		if err != nil {
			text = string(f.Value)
		}
		text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
		if r := []rune(text); len(r) > most {
			text = string(r[:most]) + "…"
		}
		return text
	}
	return ""
}
