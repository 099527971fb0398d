package delivery

import (
	"strings"

	"postroom/internal/address"
	"postroom/internal/mail"
	"postroom/internal/message"
)

// maxReceived is how many servers a message may have passed. RFC 5321 §6.3
// wants at least 100 by number alone; with Delivered-To beside it Postfix's 50
// finds loops sooner.
//
// Deviation: 50 instead of 100.
const maxReceived = 50

// checkLoop refuses a message that goes round in circles: too many Received
// fields, or a Delivered-To that names where it is to be filed or forwarded
// from now.
func (d *Delivery) checkLoop(header []byte, r *route) error {
	received := 0
	for f := range message.Fields(header) {
		switch {
		case strings.EqualFold(string(f.Name), "Received"):
			received++
		case strings.EqualFold(string(f.Name), "Delivered-To"):
			if d.passed(strings.TrimSpace(string(f.Value)), r) {
				return mail.Errorf(mail.CodeLoop, "mail loop: this message was already delivered to %s", strings.TrimSpace(string(f.Value)))
			}
		}
	}
	if received > maxReceived {
		return mail.Errorf(mail.CodeLoop, "mail loop: more than %d Received fields", maxReceived)
	}
	return nil
}

func (d *Delivery) passed(deliveredTo string, r *route) bool {
	at, err := address.Parse(deliveredTo)
	if err != nil {
		return false
	}
	for _, l := range r.locals {
		if address.Same(l.address, at) {
			return true
		}
	}
	for _, f := range r.forwards {
		if address.Same(f, at) {
			return true
		}
	}
	return false
}
