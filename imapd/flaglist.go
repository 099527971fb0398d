package imapd

import (
	"slices"
	"strings"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// maxKeyword is the longest keyword a client may set, in octets.
const maxKeyword = 255

func equalFold(a, b string) bool { return strings.EqualFold(a, b) }

// flagSet is system flags and keywords of a STORE or an APPEND.
type flagSet struct {
	flags    mail.Flags
	keywords []string
}

// parseFlag parses
//
//	flag = "\Answered" / "\Flagged" / "\Deleted" / "\Seen" / "\Draft" /
//	       flag-keyword / flag-extension            ; RFC 9051 §9
//
// \Recent is the server's and is passed over; other system flags there are none.
func (fs *flagSet) parseFlag(d *wire.Decoder) {
	if !d.Try('\\') {
		name := d.Atom()
		if len(name) > maxKeyword {
			d.Fail("keyword too long")
		}
		if !slices.ContainsFunc(fs.keywords, func(k string) bool { return equalFold(k, name) }) {
			fs.keywords = append(fs.keywords, name)
		}
		return
	}
	name := `\` + d.Atom()
	for _, f := range mail.FlagNames {
		if equalFold(f.Name, name) {
			fs.flags |= f.Flag
			return
		}
	}
	if !equalFold(name, `\Recent`) {
		d.Fail("unknown system flag")
	}
}

// flag-list = "(" [flag *(SP flag)] ")"
func parseFlagList(d *wire.Decoder) (fs flagSet) {
	d.Expect('(')
	for first := true; d.Err() == nil && !d.Try(')'); first = false {
		if !first {
			d.SP()
		}
		fs.parseFlag(d)
	}
	return fs
}
