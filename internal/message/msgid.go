package message

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

const maxMsgID = 998

// ParseMessageID gives the first msg-id of a Message-ID or In-Reply-To field's
// value, in the form of mail.Summary.MessageID.
func ParseMessageID(value []byte) string { return msgID(unfold(value)) }

// msgID gives the msg-id of a Message-ID field with its <>; when there are no
// brackets, the field's text.
func msgID(value []byte) string {
	if id, _ := nextMsgID(value); id != nil {
		return cleanMsgID(id)
	}
	return cleanMsgID(bytes.TrimSpace(value))
}

// nextMsgID finds the next "<…>" and what follows it.
func nextMsgID(b []byte) (id, rest []byte) {
	i := bytes.IndexByte(b, '<')
	if i < 0 {
		return nil, nil
	}
	j := bytes.IndexByte(b[i:], '>')
	if j < 0 {
		return nil, nil
	}
	return b[i : i+j+1], b[i+j+1:]
}

// cleanMsgID drops space, controls and invalid UTF-8, so that the id can stand
// in a text column.
func cleanMsgID(b []byte) string {
	b = b[:min(len(b), maxMsgID)]
	for _, c := range b {
		if c <= ' ' || c >= 0x7f {
			return strings.Map(func(r rune) rune {
				if r <= ' ' || r == 0x7f || r == utf8.RuneError {
					return -1
				}
				return r
			}, strings.ToValidUTF8(string(b), ""))
		}
	}
	return string(b)
}

// maxThreadKey bounds the ids kept of References: the first, which is the
// thread's, and the nearest ancestors.
const maxThreadKey = 50

// threadKey gives the msg-ids of References and then In-Reply-To, oldest first,
// each once.
func threadKey(references, inReplyTo []byte) []string {
	var ids []string
	for _, v := range [][]byte{references, inReplyTo} {
		for {
			var id []byte
			if id, v = nextMsgID(v); id == nil {
				break
			}
			ids = appendMsgID(ids, cleanMsgID(id))
		}
	}
	return ids
}

func appendMsgID(ids []string, id string) []string {
	if id == "<>" {
		return ids
	}
	for _, have := range ids {
		if have == id {
			return ids
		}
	}
	if len(ids) == maxThreadKey {
		copy(ids[1:], ids[2:])
		ids = ids[:len(ids)-1]
	}
	return append(ids, id)
}
