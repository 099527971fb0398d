package message

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestHTMLText(t *testing.T) {
	long := strings.Repeat("x", maxToken)
	for _, c := range []struct{ in, want string }{
		{"<p>one<b>two</b></p><p>three", " onetwo  three"},
		{"gr&uuml;&szlig;e&#32;&amp; more", "grüße & more"},
		{"<style>p {}</style>a<script>var b = '<i>'</script>c", "  a  c"},
		{"a < b, no tag", "a < b, no tag"},
		{"<!-- hidden -->seen<br/>here", "seen here"},
		{`<a href="x">li</a>nk`, "link"},
		{"", ""},
		{`a<img src="data:` + long + long + `">b`, "ab"},
		{long + long + long + "<p>end", long + long + long + " end"},
	} {
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(c.in), "halves": iotest.HalfReader(strings.NewReader(c.in))} {
			got, err := io.ReadAll(HTMLText(r))
			if string(got) != c.want || err != nil && (!errors.Is(err, ErrHTMLTooLong) || len(c.in) < maxToken) {
				t.Errorf("%s %.40q: %.60q (%d octets), %v", name, c.in, got, len(got), err)
			}
		}
	}
	broken := errors.New("broken")
	if _, err := io.ReadAll(HTMLText(io.MultiReader(strings.NewReader("<p>x"), iotest.ErrReader(broken)))); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
