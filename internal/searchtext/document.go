package searchtext

import (
	"context"

	"postroom/internal/message"
)

// documents are the media types of files whose text only a program can read.
var documents = map[string]bool{
	"application/pdf":               true,
	"application/rtf":               true,
	"application/msword":            true,
	"application/vnd.ms-excel":      true,
	"application/vnd.ms-powerpoint": true,
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   true,
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         true,
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": true,
	"application/vnd.oasis.opendocument.text":                                   true,
	"application/vnd.oasis.opendocument.spreadsheet":                            true,
	"application/vnd.oasis.opendocument.presentation":                           true,
}

// IsDocument tells whether a part is a file of one of these types.
func IsDocument(p *message.Part) bool {
	return p.Type == "application" && documents[p.Type+"/"+p.Subtype]
}

// Documents gives the parts of an entity that are documents, those of messages
// inside too, in their order.
func Documents(p *message.Part) (all []*message.Part) {
	for _, c := range p.Children {
		all = append(all, Documents(c)...)
	}
	switch {
	case p.Message != nil:
		return append(all, Documents(p.Message)...)
	case IsDocument(p):
		return append(all, p)
	}
	return all
}

// Texts is Octets of a message whose documents were read. Octets without it
// have none.
type Texts interface {
	// Document gives the text of a document, empty when there is none.
	Document(ctx context.Context, p *message.Part) (string, error)
}
