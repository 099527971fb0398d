package message

import (
	"postroom/internal/address"
	"postroom/internal/mail"
)

// FromAddresses gives the addresses of the From field for the check of who may
// send as whom. It is strict where the envelope is lenient: there must be
// exactly one From field, with at least one address, and nothing that two
// readers could read differently; otherwise mail.CodeInvalid.
func FromAddresses(header []byte) ([]mail.Address, error) {
	value, err := singleFrom(header)
	if err != nil {
		return nil, err
	}
	var out []mail.Address
	var bad error
	r := addrReader{emit: func(a *addr) {
		if a.kind != addrMailbox || bad != nil {
			return
		}
		at, err := address.ParseLiteralOK(string(a.local) + "@" + string(a.domain))
		if err != nil {
			bad = mail.Wrap(mail.CodeInvalid, err, "the From field holds an invalid address")
			return
		}
		out = append(out, at)
	}}
	r.read(value)
	switch {
	case bad != nil:
		return nil, bad
	case r.defects > 0:
		return nil, mail.Errorf(mail.CodeInvalid, "the From field cannot be read for certain")
	case len(out) == 0:
		return nil, mail.Errorf(mail.CodeInvalid, "the From field holds no address")
	}
	return out, nil
}

// singleFrom finds the value of the only From field.
func singleFrom(header []byte) ([]byte, error) {
	var value []byte
	for f := range Fields(header) {
		if !equalFold(f.Name, "From") {
			continue
		}
		if value != nil {
			return nil, mail.Errorf(mail.CodeInvalid, "the message has more than one From field")
		}
		value = f.Value
	}
	if value == nil {
		return nil, mail.Errorf(mail.CodeInvalid, "the message has no From field")
	}
	return value, nil
}

// HasField tells whether header has a field of that name.
func HasField(header []byte, name string) bool {
	for f := range Fields(header) {
		if equalFold(f.Name, name) {
			return true
		}
	}
	return false
}
