package imapd

import (
	"strings"

	"postroom/imapd/wire"
)

// events are what NOTIFY can ask for, as bits.
type events uint8

const (
	eventNew events = 1 << iota
	eventExpunge
	eventFlags
	eventName
	eventSubscription
	eventMetadata
	eventServerMetadata

	messageEvents = eventNew | eventExpunge | eventFlags
)

// eventNames are all events there are here (RFC 5465 §5), as BADEVENT lists
// them.
var eventNames = []struct {
	name  string
	event events
}{
	{"MessageNew", eventNew}, {"MessageExpunge", eventExpunge}, {"FlagChange", eventFlags},
	{"MailboxName", eventName}, {"SubscriptionChange", eventSubscription},
	{"MailboxMetadataChange", eventMetadata}, {"ServerMetadataChange", eventServerMetadata},
}

// parseEvents parses
//
//	events        = ("(" event *(SP event) ")") / "NONE"
//	event         = message-event / mailbox-event / user-event / event-ext
//	message-event = "MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"] / "MessageExpunge" / "FlagChange" / …
//
// sel is set when they are those of the selected mailbox.
func (a *notifyArgs) parseEvents(d *wire.Decoder, sel *notifySelected) (all events) {
	if d.TryWord("NONE") {
		return 0
	}
	d.Expect('(')
	last := events(0)
	for first := true; d.Err() == nil && (first || d.Try(' ')); first = false {
		if last == eventNew && d.Peek() == '(' {
			parseNewItems(d, sel)
			last = 0
			continue
		}
		last = eventOf(d.Word())
		a.unsupported = a.unsupported || last == 0
		all |= last
	}
	d.Expect(')')
	switch {
	case sel != nil && all&^messageEvents != 0:
		d.Fail("the selected mailbox has events of messages only")
	case (all&eventNew == 0) != (all&eventExpunge == 0):
		d.Fail("MessageNew and MessageExpunge go together")
	case all&eventFlags != 0 && all&eventNew == 0:
		d.Fail("FlagChange goes with MessageNew and MessageExpunge")
	}
	return all
}

// eventOf gives the event of a name, 0 when there is none.
func eventOf(name string) events {
	for _, e := range eventNames {
		if strings.EqualFold(e.name, name) {
			return e.event
		}
	}
	return 0
}

func parseNewItems(d *wire.Decoder, sel *notifySelected) {
	if sel == nil {
		d.Fail("FETCH items are for the selected mailbox only")
		return
	}
	d.Expect('(')
	var f fetchArgs
	for first := true; d.Err() == nil && (first || d.Try(' ')); first = false {
		f.add(d, d.WordUntil())
	}
	d.Expect(')')
	sel.items = f.items
}
