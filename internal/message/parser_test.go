package message

import "testing"

func TestSmoke(t *testing.T) {
	m := "From: A <a@example.test>\r\nTo: b@example.test (Bee), undisclosed:;\r\nSubject: hi\r\nDate: Mon, 2 Jan 2006 15:04:05 -0700\r\nMessage-ID: <1@x>\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\npre\r\n--b\r\n\r\nhello\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nbody\r\n--b--\r\nepi\r\n"
	p := NewParser(nil)
	p.Write([]byte(m))
	s := p.Finish()
	t.Logf("%s\n%s\n%s\n%q %v %v %q", s.Envelope, s.BodyStructure, BasicBody(s.BodyStructure), s.Preview, s.SentAt, s.ThreadKey, s.MessageID)
	r, err := DecodeParts(s.Parts)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Part{r, r.Children[0], r.Children[1], r.Children[1].Message} {
		t.Logf("%q", m[c.BodyOff:c.EndOff])
	}
}
