package message

import (
	"bytes"
	"strings"
)

// References gives the msg-ids by which RFC 5256 §BASE.6.4.THREAD finds a
// message's ancestors, oldest first, in the form of NormalMsgID: those of its
// References field or else the first of In-Reply-To. Of more than 50 the first
// and the nearest are kept. fields are header fields as in mail.Summary.Fields.
func References(fields []byte) []string {
	var references, inReplyTo []byte
	for f := range Fields(fields) {
		switch {
		case references == nil && equalFold(f.Name, "References"):
			references = f.Value
		case inReplyTo == nil && equalFold(f.Name, "In-Reply-To"):
			inReplyTo = f.Value
		}
	}
	if ids := msgIDs(references, maxThreadKey); len(ids) > 0 {
		return ids
	}
	return msgIDs(inReplyTo, 1)
}

// msgIDs reads valid msg-ids; of more than most the first and the last stay.
func msgIDs(value []byte, most int) (ids []string) {
	for {
		var raw []byte
		if raw, value = nextMsgID(value); raw == nil {
			return ids
		}
		id := NormalMsgID(cleanMsgID(raw))
		switch {
		case id == "":
		case len(ids) < most:
			ids = append(ids, id)
		case most == 1:
			return ids
		default:
			copy(ids[1:], ids[2:])
			ids[most-1] = id
		}
	}
}

// NormalMsgID gives the one form of a msg-id however its sender quoted it
// (RFC 5256 §BASE.6.4.THREAD), without its <>; "" for what is no msg-id.
func NormalMsgID(id string) string {
	if len(id) < 3 || id[0] != '<' || id[len(id)-1] != '>' {
		return ""
	}
	id = id[1 : len(id)-1]
	at := strings.LastIndexByte(id, '@')
	if at < 2 || id[0] != '"' || id[at-1] != '"' {
		return id
	}
	local := []byte(id[1 : at-1])
	out := make([]byte, 0, len(id))
	for i := bytes.IndexByte(local, '\\'); i >= 0 && i+1 < len(local); i = bytes.IndexByte(local, '\\') {
		out = append(append(out, local[:i]...), local[i+1])
		local = local[i+2:]
	}
	return string(append(append(out, local...), id[at:]...))
}
