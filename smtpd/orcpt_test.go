package smtpd

import "testing"

// TestORCPT has what Postfix 3.7 sends for an international recipient, and what
// stays as it is.
func TestORCPT(t *testing.T) {
	for in, want := range map[string]string{
		"rfc822;b+C3+BCro@a.test":           "utf-8;büro@a.test",
		"RFC822;b+C3+BC+2Bx+3Dy+20z@a.test": `utf-8;bü\x{2B}x\x{3D}y\x{20}z@a.test`,
		"rfc822;b+C3+BC+0D+0Ax@a.test":      "rfc822;b+C3+BC+0D+0Ax@a.test",
		"rfc822;b+C3@a.test":                "rfc822;b+C3@a.test",
		"rfc822;b+C3+B":                     "rfc822;b+C3+B",
		"rfc822;a+2Bb@a.test":               "rfc822;a+2Bb@a.test",
		"x400;b+C3+BC":                      "x400;b+C3+BC",
		`utf-8;b\x{FC}ro@a.test`:            `utf-8;b\x{FC}ro@a.test`,
		"rfc822":                            "rfc822",
	} {
		if got := typedORCPT(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
