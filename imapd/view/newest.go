package view

import "postroom/internal/mail"

// Newest is the mod-sequence of the mailbox as last read, told or not.
func (v *View) Newest() mail.ModSeq {
	switch {
	case v.built():
		return v.newest.modseq
	case v.lazy != nil:
		return v.lazy.HighestModSeq
	}
	return v.modseq
}
