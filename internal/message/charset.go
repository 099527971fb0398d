package message

import (
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// charsetOf finds the decoder of a charset's name; nil for what is UTF-8
// already or unknown.
func charsetOf(name string) encoding.Encoding {
	name = strings.ToLower(strings.TrimSpace(name))
	switch name {
	case "", "utf-8", "utf8", "us-ascii", "ascii", "unknown-8bit", "x-unknown":
		return nil
	}
	enc, err := htmlindex.Get(name)
	if err != nil {
		return nil
	}
	return enc
}

// toUTF8 decodes bytes in a charset. What claims to be UTF-8 or ASCII and is
// not is read as Windows-1252, which is what it mostly is.
func toUTF8(b []byte, charset string) string {
	if enc := charsetOf(charset); enc != nil {
		if out, err := enc.NewDecoder().Bytes(b); err == nil {
			return string(out)
		}
	}
	if utf8.Valid(b) {
		return string(b)
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(out)
}

// charsetReader decodes a stream in a charset; an unknown charset passes.
func charsetReader(r io.Reader, charset string) io.Reader {
	if enc := charsetOf(charset); enc != nil {
		return enc.NewDecoder().Reader(r)
	}
	return r
}

// KnownCharset tells whether SEARCH CHARSET can take that name.
func KnownCharset(name string) bool {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return true
	}
	return charsetOf(name) != nil
}

// FromCharset decodes a string that a client sent in a charset; false when
// the charset is unknown or the string is not in it.
func FromCharset(b []byte, charset string) (string, bool) {
	if !KnownCharset(charset) {
		return "", false
	}
	enc := charsetOf(charset)
	if enc == nil {
		return string(b), utf8.Valid(b)
	}
	out, err := enc.NewDecoder().Bytes(b)
	return string(out), err == nil
}
