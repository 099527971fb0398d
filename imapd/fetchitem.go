package imapd

import (
	"context"

	"postroom/imapd/wire"
	"postroom/internal/mail"
	"postroom/internal/message"
)

// fetchItem is one data item of a FETCH, parsed.
type fetchItem struct {
	name string       // as the response names it
	cols mail.Columns // what it reads of the row
	row  bool         // it needs the row at all; else the snapshot is enough
	seen bool         // it sets \Seen
	// check runs before anything of the message is written: here a message
	// may still be refused. nil: nothing to check.
	check func(ctx context.Context, m *fetched) error
	write func(ctx context.Context, m *fetched) error
}

// fetched is a message on its way to the client.
type fetched struct {
	s     *session
	seq   uint32
	flags mail.MessageFlags
	row   *mail.MessageRow // nil when the snapshot is enough
	body  *body
	// prepared sections, and how much of them is held.
	prepared []prepared
	leads    int64
}

// fetchItems is the table of items (RFC 9051 §6.4.5, RFC 3501 §6.4.5, and
// extensions): what follows the name is parsed by the row's function.
var fetchItems map[string]func(*wire.Decoder) fetchItem

func init() {
	fetchItems = map[string]func(*wire.Decoder) fetchItem{
		"UID":           plainItem(itemUID),
		"FLAGS":         plainItem(itemFlags),
		"INTERNALDATE":  plainItem(itemInternalDate),
		"RFC822.SIZE":   plainItem(itemSize),
		"ENVELOPE":      plainItem(itemEnvelope),
		"BODYSTRUCTURE": plainItem(itemBodyStructure),
		"MODSEQ":        plainItem(itemModSeq), // RFC 7162 §3.1.5
		"SAVEDATE":      plainItem(itemSaveDate),
		"EMAILID":       plainItem(itemEmailID),
		"THREADID":      plainItem(itemThreadID),
		"PREVIEW":       parsePreview,
		"BODY": func(d *wire.Decoder) fetchItem {
			if d.Peek() != '[' {
				return itemBody
			}
			return sectionItem("BODY", parseSection(d, true), true)
		},
		"BODY.PEEK":     func(d *wire.Decoder) fetchItem { return sectionItem("BODY", parseSection(d, true), false) },
		"BINARY":        func(d *wire.Decoder) fetchItem { return binaryItem(parseBinary(d, true), true) },
		"BINARY.PEEK":   func(d *wire.Decoder) fetchItem { return binaryItem(parseBinary(d, true), false) },
		"BINARY.SIZE":   func(d *wire.Decoder) fetchItem { return binarySizeItem(parseBinary(d, false)) },
		"RFC822":        func(*wire.Decoder) fetchItem { return rfc822Item("RFC822", "", true) },
		"RFC822.HEADER": func(*wire.Decoder) fetchItem { return rfc822Item("RFC822.HEADER", "HEADER", false) },
		"RFC822.TEXT":   func(*wire.Decoder) fetchItem { return rfc822Item("RFC822.TEXT", "TEXT", true) },
	}
}

func plainItem(it fetchItem) func(*wire.Decoder) fetchItem {
	return func(*wire.Decoder) fetchItem { return it }
}

// fetchMacros stand for a whole list (RFC 9051 §6.4.5).
var fetchMacros = map[string][]string{
	"ALL":  {"FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"},
	"FAST": {"FLAGS", "INTERNALDATE", "RFC822.SIZE"},
	"FULL": {"FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"},
}

var (
	itemUID = fetchItem{name: "UID", write: func(_ context.Context, m *fetched) error {
		m.s.enc.Raw("UID ").Number(uint64(m.flags.UID))
		return nil
	}}
	itemFlags = fetchItem{name: "FLAGS", write: func(_ context.Context, m *fetched) error {
		m.s.enc.Raw("FLAGS ")
		m.s.writeFlags(m.flags)
		return nil
	}}
	itemModSeq = fetchItem{name: "MODSEQ", write: func(_ context.Context, m *fetched) error {
		m.s.enc.Raw("MODSEQ (").Number(uint64(m.flags.ModSeq)).Raw(")")
		return nil
	}}
	itemInternalDate = fetchItem{name: "INTERNALDATE", row: true, write: func(_ context.Context, m *fetched) error {
		m.s.enc.Raw("INTERNALDATE ").DateTime(m.row.Received.UTC())
		return nil
	}}
	itemSize = fetchItem{name: "RFC822.SIZE", row: true, write: func(_ context.Context, m *fetched) error {
		m.s.enc.Raw("RFC822.SIZE ").Number(uint64(m.row.Size))
		return nil
	}}
	// The stored wire forms are copied as they are.
	itemEnvelope = fetchItem{name: "ENVELOPE", row: true, cols: mail.ColEnvelope, write: func(_ context.Context, m *fetched) error {
		_, err := m.s.enc.Raw("ENVELOPE ").Write(m.row.Envelope)
		return err
	}}
	itemBodyStructure = fetchItem{name: "BODYSTRUCTURE", row: true, cols: mail.ColBodyStructure, write: func(_ context.Context, m *fetched) error {
		_, err := m.s.enc.Raw("BODYSTRUCTURE ").Write(m.row.BodyStructure)
		return err
	}}
	itemBody = fetchItem{name: "BODY", row: true, cols: mail.ColBodyStructure, write: func(_ context.Context, m *fetched) error {
		_, err := m.s.enc.Raw("BODY ").Write(message.BasicBody(m.row.BodyStructure))
		return err
	}}
)
