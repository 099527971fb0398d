package relay

import (
	"errors"
	"fmt"
	"net"
	"os"

	"postroom/internal/mail"
)

// Result is how one recipient fared. Outcome is Delivered, Deferred or Failed.
type Result struct {
	Outcome mail.Outcome
	Reply   mail.RemoteReply
	// DSN tells that the next hop speaks RFC 3461 and got the NOTIFY
	// parameters, so that it reports success and not we.
	DSN bool
	// Unclear tells that the connection was lost after the end of the message
	// and before the reply: the next hop may have it (RFC 5321 §4.5.3.2.6).
	Unclear bool
	// Stale tells that a connection that had carried mail before was closed
	// before this message began: a new session may be tried at once.
	Stale bool
}

// Failure is why a destination or a session could not be used. It is the
// error type of Plan and Open.
type Failure struct {
	Permanent bool // the recipients bounce now
	Reply     mail.RemoteReply
	// ConnectTimeout tells that every connection attempt timed out: the sign
	// of a blocked port 25.
	ConnectTimeout bool
	// Connected tells that some next hop took a connection.
	Connected bool
	Err       error // for the log
}

// Error gives a line for logs.
func (f *Failure) Error() string {
	s := f.Reply.Text
	if f.Reply.Remote != "" {
		s = f.Reply.Remote + ": " + s
	}
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Result gives what the failure means for a recipient.
func (f *Failure) Result() Result {
	r := Result{Outcome: mail.OutcomeDeferred, Reply: f.Reply}
	if f.Permanent {
		r.Outcome = mail.OutcomeFailed
	}
	return r
}

func temporary(status, text string, err error) *Failure {
	return &Failure{Reply: mail.RemoteReply{Status: status, Text: text}, Err: err}
}

func permanent(code int, status, text string) *Failure {
	return &Failure{Permanent: true, Reply: mail.RemoteReply{Code: code, Status: status, Text: text}}
}

// fromReply makes a result of a peer's refusal; a reply without enhanced
// status gets the general one of its class (RFC 3463 §3.1).
func fromReply(r Reply, remote string) Result {
	out := Result{Outcome: mail.OutcomeDeferred, Reply: remoteReply(r, remote)}
	switch {
	case r.positive():
		out.Outcome = mail.OutcomeDelivered
	case r.permanent():
		out.Outcome = mail.OutcomeFailed
	}
	return out
}

func remoteReply(r Reply, remote string) mail.RemoteReply {
	status := r.Status
	if status == "" {
		class := r.Code / 100
		if class == 3 { // an intermediate reply where none belongs
			class = 4
		}
		status = fmt.Sprintf("%d.0.0", class)
	}
	return mail.RemoteReply{Code: r.Code, Status: status, Text: r.Text(), Remote: remote}
}

// lost describes a connection that ended by itself, for a DSN: no paths, no
// Go wording.
func lost(phase string, err error) string {
	switch {
	case errors.Is(err, errProtocol):
		return err.Error() + " (" + phase + ")"
	case isTimeout(err):
		return "the server did not answer in time (" + phase + ")"
	}
	return "the connection was lost (" + phase + ")"
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &ne) && ne.Timeout()
}
