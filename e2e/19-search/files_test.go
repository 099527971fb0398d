package search

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"postroom/e2e/testbed"
)

// file is one that somebody attached.
type file struct{ mediaType, word, content string }

// files has one of each format that deploy/search-text reads, each with a word
// that stands nowhere in its octets as they are sent.
func files(t *testing.T) []file {
	const office = "application/vnd.openxmlformats-officedocument."
	return []file{
		{"application/pdf", "a rare quince", pdf("a rare quince here")},
		{office + "wordprocessingml.document", "quarterly kumquat", zipped(t, "word/document.xml", "<w:p><w:r><w:t>Quarterly </w:t></w:r><w:r><w:t>kumquat</w:t></w:r></w:p>")},
		{office + "spreadsheetml.sheet", "loquat", zipped(t, "xl/sharedStrings.xml", "<sst><si><t>loquat</t></si></sst>")},
		{office + "presentationml.presentation", "medlar", zipped(t, "ppt/slides/slide1.xml", "<a:p><a:r><a:t>medlar</a:t></a:r></a:p>")},
		{"application/vnd.oasis.opendocument.text", "persimmon & co", zipped(t, "content.xml", "<text:p>persimmon<text:s/>&amp; co</text:p>")},
		{"application/rtf", "physalis", `{\rtf1\ansi phy{\b salis} here\par}`},
		{"application/pdf", "", "no PDF at all"},
	}
}

// pdf makes one of a page with a line of text.
func pdf(line string) string {
	stream := "BT /F1 18 Tf 20 100 Td (" + line + ") Tj ET"
	return fmt.Sprintf("%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"+
		"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 144]/Contents 4 0 R/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj\n"+
		"4 0 obj<</Length %d>>stream\n%s\nendstream endobj\ntrailer<</Root 1 0 R>>\n", len(stream), stream)
}

func zipped(t *testing.T, name, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err == nil {
		_, err = w.Write([]byte(`<?xml version="1.0"?><doc>` + text + `</doc>`))
	}
	if err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextOfFilesIsFound(t *testing.T) {
	program, err := filepath.Abs("../../deploy/search-text")
	if err != nil {
		t.Fatal(err)
	}
	inst := testbed.Company(t, testbed.Options{Settings: "search_text_helper = \"" + program + "\""}, "example.test", "ann")
	c, err := inst.IMAPS("ann@example.test", testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	all := files(t)
	for i, f := range all {
		text := fmt.Sprintf("Subject: file %d\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhere it is\r\n"+
			"--b\r\nContent-Type: %s\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n--b--\r\n", i, f.mediaType, base64.StdEncoding.EncodeToString([]byte(f.content)))
		if _, err := c.Append("INBOX", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	await(t, func() error {
		if p := progress(t, inst); p.Messages != int64(len(all)) || p.Unread > 0 {
			return fmt.Errorf("files of %d messages are not read", p.Unread)
		}
		return nil
	})
	for i, f := range all {
		if f.word != "" {
			if got := find(t, inst, "BODY \""+strings.ToUpper(f.word)+"\""); got != fmt.Sprint(i+1) {
				t.Errorf("%q in %s: found in %q, want %d", f.word, f.mediaType, got, i+1)
			}
		}
	}
	if got := find(t, inst, `BODY "here it is"`); got != "1 2 3 4 5 6 7" {
		t.Errorf("by their own text messages %s are found", got)
	}
	if log := inst.LogTail(1000); strings.Count(log, "no text was read from a file") != 1 {
		t.Error("the log tells nothing of the file that is no PDF, or of others")
	}
}

// find gives the numbers of the messages in INBOX that a search finds.
func find(t *testing.T, inst *testbed.Instance, key string) string {
	t.Helper()
	c, err := inst.IMAPS("ann@example.test", testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, _, err := c.Select("INBOX"); err != nil {
		t.Fatal(err)
	}
	lines, err := c.OK("SEARCH %s", key)
	if err != nil || len(lines) == 0 {
		t.Fatal(lines, err)
	}
	return strings.TrimSpace(strings.TrimPrefix(lines[0].Text, "* SEARCH"))
}
