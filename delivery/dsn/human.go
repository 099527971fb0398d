package dsn

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"postroom/internal/mail"
)

// human writes the part for people: what happened to whom, in the words of
// who refused, and what to do.
func (r *Report) human(b *lines) {
	var text strings.Builder
	t := &lines{w: &text}
	r.say(t)
	charset, encoding := "us-ascii", "7bit"
	if !isASCII(text.String()) {
		charset, encoding = "utf-8", "8bit"
	}
	b.put("Content-Type: text/plain; charset=" + charset)
	b.put("Content-Description: what happened")
	b.put("Content-Transfer-Encoding: " + encoding)
	b.put("")
	b.raw([]byte(text.String()))
	b.put("")
}

func (r *Report) say(b *lines) {
	b.put("This is the mail server " + r.Hostname + ".")
	b.put("")
	switch r.Kind {
	case mail.DSNDelay:
		b.put("Your message could not be delivered yet. It is kept and tried again")
		b.put("until " + moment(r.RetryUntil) + ". You need not do anything.")
	case mail.DSNSuccess:
		b.put("Your message was passed on to the next mail server. That server does not")
		b.put("report further, so you may hear nothing more.")
	case Delivered:
		b.put("Your message was delivered.")
	default:
		b.put("Your message could not be delivered and will not be tried again.")
	}
	for _, rc := range r.Recipients {
		b.put("")
		end := ":"
		if r.Kind == Delivered {
			end = "."
		}
		b.put("To " + shown(rc.Address) + end)
		r.sayRecipient(b, rc)
	}
	b.put("")
	b.put("The message arrived here on " + moment(r.Arrived) + " under the queue id")
	b.put(r.Original.String() + ". Whoever runs this server can look it up by that.")
}

func (r *Report) sayRecipient(b *lines, rc Recipient) {
	if rc.Expired {
		b.put("It was tried for " + span(r.Date.Sub(r.Arrived)) + " without success.")
	}
	if why := reason(rc.Reply.Status); why != "" && !rc.Expired && r.Kind == mail.DSNFailure {
		b.put(why)
	}
	said := rc.Reply.Text
	if rc.Reply.Code != 0 {
		said = strings.TrimSpace(strconv.Itoa(rc.Reply.Code) + " " + rc.Reply.Status + " " + said)
	}
	if rc.Reply.Remote != "" && r.Kind != mail.DSNSuccess {
		b.put("The server " + rc.Reply.Remote + " reports:")
	} else if rc.Reply.Remote != "" {
		b.put("The server " + rc.Reply.Remote + " took it:")
	}
	if said != "" {
		b.quote(said)
	}
}

// reason says the usual enhanced status codes in plain words (RFC 3463).
func reason(status string) string {
	_, detail, _ := strings.Cut(status, ".")
	switch detail {
	case "1.1":
		return "Nobody has that address there. Please check how it is spelled."
	case "1.2":
		return "There is no such mail domain. Please check what follows the @."
	case "1.10":
		return "That domain takes no mail at all."
	case "2.1":
		return "That mailbox is closed."
	case "2.2":
		return "That mailbox is full."
	case "2.3", "3.4":
		return "The message is too large for that server."
	case "4.6":
		return "The domain's settings would send the mail round in circles."
	case "6.7":
		return "That server does not take addresses with letters beyond ASCII."
	case "7.1":
		return "That server does not accept the message."
	}
	return ""
}

func moment(t time.Time) string { return t.UTC().Format("2 January 2006 15:04 UTC") }

func span(d time.Duration) string {
	if h := int(d.Hours()); h < 48 {
		return fmt.Sprintf("%d hours", max(h, 1))
	}
	return fmt.Sprintf("%d days", int(d.Hours()+12)/24)
}
