package report

import (
	"strings"

	"postroom/internal/mail"
	"postroom/internal/message"
)

// Original names the message a report is about, as far as what was returned of
// it tells. All of it is the reporter's word: look it up before it counts.
type Original struct {
	// MessageID is the msg-id with its <>, as mail.Summary has it; "" unknown.
	MessageID string
	// Traces are what could be queue ids of ours, from the Received fields,
	// nearest hop first. Other servers' ids may look alike.
	Traces []mail.TraceID
}

const (
	maxReceived = 50
	maxTraces   = 8
)

// ReadOriginal reads the header of a returned message.
func ReadOriginal(header []byte) Original {
	o := Original{MessageID: message.ParseMessageID(Field(header, "Message-ID"))}
	for _, v := range Fields(header, "Received", maxReceived) {
		if id, ok := receivedID(string(v)); ok && len(o.Traces) < maxTraces {
			o.Traces = append(o.Traces, id)
		}
	}
	return o
}

// receivedID finds the ID clause of a Received field (RFC 5321 §4.4) that has
// the form of our queue ids.
func receivedID(received string) (mail.TraceID, bool) {
	words := strings.FieldsFunc(received, func(r rune) bool { return r == ' ' || r == ';' })
	for i := range len(words) - 1 {
		if !strings.EqualFold(words[i], "id") {
			continue
		}
		if id, err := mail.ParseTraceID(words[i+1]); err == nil {
			return id, true
		}
	}
	return 0, false
}
