package mail

import (
	"fmt"
	"time"
)

// SendLimits bound what one account submits; 0 is no limit. Hours are those of
// the clock (UTC), a day is this hour and the 23 before.
type SendLimits struct {
	RecipientsPerMessage int
	MessagesPerHour      int
	MessagesPerDay       int
	RecipientsPerHour    int
	RecipientsPerDay     int
	NewRecipientsPerDay  int // recipients the account had never written to
	// SuspectPerHour is how many new, or failed, recipients within an hour make
	// an account look stolen, where that is SuspectTimes its own daily norm.
	SuspectPerHour int
	// Pacing accepts what is over the limits of hours and days, and releases it
	// evenly.
	Pacing bool
}

// DefaultSendLimits hold where neither account nor domain sets one: more than
// a person sends, less than a thief wants to.
var DefaultSendLimits = SendLimits{RecipientsPerMessage: 500, MessagesPerHour: 1000, MessagesPerDay: 5000,
	RecipientsPerHour: 2000, RecipientsPerDay: 10_000, NewRecipientsPerDay: 1000, SuspectPerHour: 200}

// SuspectTimes is how many times its own daily norm an account must send
// within an hour to look stolen.
const SuspectTimes = 5

// SendPolicy is a row of send_limits: what an account or a domain sets itself.
// A nil field leaves it to the level above.
type SendPolicy struct {
	RecipientsPerMessage, MessagesPerHour, MessagesPerDay    *int
	RecipientsPerHour, RecipientsPerDay, NewRecipientsPerDay *int
	SuspectPerHour                                           *int
	Pacing                                                   *bool
}

// Over lays what p sets over l.
func (p SendPolicy) Over(l SendLimits) SendLimits {
	for _, f := range []struct {
		to  *int
		set *int
	}{
		{&l.RecipientsPerMessage, p.RecipientsPerMessage}, {&l.MessagesPerHour, p.MessagesPerHour}, {&l.MessagesPerDay, p.MessagesPerDay},
		{&l.RecipientsPerHour, p.RecipientsPerHour}, {&l.RecipientsPerDay, p.RecipientsPerDay},
		{&l.NewRecipientsPerDay, p.NewRecipientsPerDay}, {&l.SuspectPerHour, p.SuspectPerHour},
	} {
		if f.set != nil {
			*f.to = *f.set
		}
	}
	if p.Pacing != nil {
		l.Pacing = *p.Pacing
	}
	return l
}

// span is one limit of hours and days, with what was sent.
type span struct {
	sent, most int
	within     time.Duration
	what       string
	takes      int // of the limit, by the message at hand
}

func (l SendLimits) spans(hour, day Sent, recipients, fresh int) []span {
	const aDay = 24 * time.Hour
	return []span{
		{hour.Messages, l.MessagesPerHour, time.Hour, "messages an hour", 1},
		{day.Messages, l.MessagesPerDay, aDay, "messages a day", 1},
		{hour.Recipients, l.RecipientsPerHour, time.Hour, "recipients an hour", recipients},
		{day.Recipients, l.RecipientsPerDay, aDay, "recipients a day", recipients},
		{day.NewRecipients, l.NewRecipientsPerDay, aDay, "new recipients a day", fresh},
	}
}

func (s span) passed() bool { return s.most > 0 && s.sent > s.most }

// Passed tells the first limit of hours and days that these counts are over,
// in words for a person; "" when there is none.
func (l SendLimits) Passed(hour, day Sent) string {
	for _, s := range l.spans(hour, day, 0, 0) {
		if s.passed() {
			return fmt.Sprintf("over the account's limit of %d %s", s.most, s.what)
		}
	}
	return ""
}

// Takes gives how long a message of so many recipients takes when it is paced
// by the limits that these counts are over; when they are over none, and only
// paced mail before it waits, by those of an hour.
func (l SendLimits) Takes(hour, day Sent, recipients, fresh int) time.Duration {
	var passed, hourly time.Duration
	for _, s := range l.spans(hour, day, recipients, fresh) {
		if s.most == 0 {
			continue
		}
		t := time.Duration(s.takes) * (s.within / time.Duration(s.most))
		if s.passed() {
			passed = max(passed, t)
		}
		if s.within == time.Hour {
			hourly = max(hourly, t)
		}
	}
	if passed > 0 {
		return passed
	}
	return hourly
}

// Sent counts what an account submitted in some span of time.
type Sent struct {
	Messages, Recipients, NewRecipients int
	Failures                            int // queue entries that failed
}

// SendState is what a submission is judged by.
type SendState struct {
	Limits    SendLimits
	Hour, Day Sent
	// Norm is the account's average day: of the days, before the last 24 hours
	// and within 30 days, on which it sent.
	Norm Sent
	// New counts those of the submission's recipients that are new to the
	// account, Suppressed lists those that are
	// suppressed, in lower case.
	New        int
	Suppressed []Address
	Held       string        // why the account's sending is held; "": it is not
	Believed   bool          // an administrator resumed it within a day: not suspected
	PacedFor   time.Duration // until its last paced entry is due; 0: none waits
}

// Sending counts a submission in the transaction that accepts it.
type Sending struct {
	Account    AccountID
	Recipients []Address // of the envelope
	// Limits are enforced there, so that messages that arrive together cannot
	// pass them together; zero when the message is paced, held or lifted.
	Limits SendLimits
}

// Suppression is a recipient that submissions may not name (table
// suppressions).
type Suppression struct {
	Address   Address
	Reason    string // what its server said, or why an administrator added it
	Trace     TraceID
	CreatedAt time.Time
	ExpiresAt time.Time
}

// SendHold tells why an account's sending is held, and since when.
type SendHold struct {
	Reason    string
	HeldAt    time.Time
	ResumedAt time.Time // zero: still held
}
