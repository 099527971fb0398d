package delivery

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// heldFor gives why the account's mail is held, "" when it is not. An account
// that looks stolen is held from now on, and postmaster is told once.
func (d *Delivery) heldFor(ctx context.Context, s *mail.Session, st mail.SendState) (string, error) {
	if st.Held != "" {
		return st.Held, nil
	}
	why := suspicion(st)
	if why == "" {
		return "", nil
	}
	first, err := d.store.HoldSending(ctx, s.Account, why)
	if err != nil {
		return "", err
	}
	if first {
		d.log.WarnContext(ctx, "account held", "account", int64(s.Account), "login", s.Login, "peer", peerOf(s), "reason", why)
		d.tellPostmaster(ctx, "notice: account held", s.Account, func(trace mail.TraceID, w io.Writer) error {
			return d.stolenNotice(w, trace, s, why)
		})
	}
	return why, nil
}

// suspicion is the rule by which an account looks stolen: within an hour more
// new recipients, or more that failed, than the limit, and several times as
// many as on an average day of its own.
func suspicion(st mail.SendState) string {
	most := st.Limits.SuspectPerHour
	if most == 0 || st.Believed {
		return ""
	}
	for _, x := range []struct {
		n, norm int
		what    string
	}{
		{st.Hour.NewRecipients + st.New, st.Norm.NewRecipients, "new recipients"},
		{st.Hour.Failures, st.Norm.Failures, "recipients that failed"},
	} {
		if x.n > most && x.n > mail.SuspectTimes*x.norm {
			return fmt.Sprintf("held: %d %s within an hour, on an average day %d; is the account stolen?", x.n, x.what, x.norm)
		}
	}
	return ""
}

// tellPostmaster files one message about an account. That it cannot be filed
// changes nothing else: the log tells, too.
func (d *Delivery) tellPostmaster(ctx context.Context, what string, acct mail.AccountID, write func(mail.TraceID, io.Writer) error) {
	to := mail.Address{Local: "postmaster", Domain: d.cfg.Hostname}
	res, err := d.resolve(ctx, to)
	if err == nil {
		var r route
		r.add(mail.Recipient{Address: to, Notify: mail.NotifyNever}, res)
		err = d.fileOwn(ctx, r, what, write)
	}
	if err != nil {
		d.log.ErrorContext(ctx, "postmaster not told", "what", what, "account", int64(acct), "error", err)
	}
}

func (d *Delivery) fileOwn(ctx context.Context, to route, what string, write func(mail.TraceID, io.Writer) error) error {
	if len(to.locals)+len(to.relay) == 0 || len(to.relay) > 0 && len(to.forwards) == 0 {
		return mail.Errorf(mail.CodeNoSuchUser, "there is no postmaster here")
	}
	trace := mail.TraceID(d.store.NewID())
	del, discard, err := d.own(to, trace, what, "", false, func(w io.Writer) error { return write(trace, w) })
	defer discard()
	if err == nil {
		_, err = d.store.Deliver(ctx, del)
	}
	return err
}

func (d *Delivery) stolenNotice(w io.Writer, trace mail.TraceID, s *mail.Session, why string) error {
	who := "number " + strconv.FormatInt(int64(s.Account), 10)
	if a, err := address.Parse(s.Login); err == nil {
		who = address.Display(a)
	}
	return d.notice(w, trace, "An account is held: it sends as if it were stolen", fmt.Sprintf(
		"The account %[1]s is held since now: %[2]s\r\n\r\n"+
			"What it submits is accepted and stays in the queue. Its last submission came from %[3]s.\r\n\r\n"+
			"Look at what waits:     postroom queue list --sender %[1]s --state held\r\n"+
			"If it is stolen:        postroom account password %[1]s\r\n"+
			"                        postroom queue delete --sender %[1]s --state held\r\n"+
			"If all is well:         postroom queue release --sender %[1]s\r\n"+
			"Then let it send again: postroom account resume %[1]s\r\n", who, why, peerOf(s)))
}

// notice writes a message to postmaster.
func (d *Delivery) notice(w io.Writer, trace mail.TraceID, subject, text string) error {
	_, err := fmt.Fprintf(w, "From: Mail Delivery System <MAILER-DAEMON@%[1]s>\r\nTo: postmaster@%[1]s\r\n"+
		"Subject: %[2]s\r\nDate: %[3]s\r\nMessage-ID: <%[4]s@%[1]s>\r\n"+
		"Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%[5]s",
		d.cfg.Hostname, subject, dateTime(d.cfg.Now()), trace, text)
	return err
}
