package mtasts

import (
	"regexp"
	"testing"
	"time"

	"postroom/internal/mail"
)

var policy = mail.MTASTS{Mode: mail.MTASTSEnforce, MaxAge: 7 * 24 * time.Hour, MX: []string{"mail.example.org", "*.example.net"}}

func TestText(t *testing.T) {
	want := "version: STSv1\r\nmode: enforce\r\nmx: mail.example.org\r\nmx: *.example.net\r\nmax_age: 604800\r\n"
	if got := Text(policy); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Senders fetch a policy anew when its id changes, and only then.
func TestIDFollowsTheText(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range []mail.MTASTS{policy, {Mode: "testing", MaxAge: policy.MaxAge, MX: policy.MX},
		{Mode: "enforce", MaxAge: time.Hour, MX: policy.MX}, {Mode: "enforce", MaxAge: policy.MaxAge, MX: policy.MX[:1]}} {
		id := ID(p)
		if seen[id] || id != ID(p) || !regexp.MustCompile(`^[a-z0-9]{1,32}$`).MatchString(id) {
			t.Errorf("%+v has the id %q", p, id)
		}
		seen[id] = true
	}
}

func TestCheck(t *testing.T) {
	if err := Check(policy); err != nil {
		t.Error(err)
	}
	for name, p := range map[string]mail.MTASTS{
		"mode":        {Mode: "on", MaxAge: time.Hour, MX: policy.MX},
		"no time":     {Mode: "testing", MX: policy.MX},
		"too long":    {Mode: "testing", MaxAge: MaxAge + time.Second, MX: policy.MX},
		"part second": {Mode: "testing", MaxAge: 1500 * time.Millisecond, MX: policy.MX},
		"no host":     {Mode: "testing", MaxAge: time.Hour},
		"many hosts":  {Mode: "testing", MaxAge: time.Hour, MX: make([]string, 51)},
		"U-label":     {Mode: "testing", MaxAge: time.Hour, MX: []string{"mail.bücher.example"}},
		"capitals":    {Mode: "testing", MaxAge: time.Hour, MX: []string{"Mail.example.org"}},
		"inner star":  {Mode: "testing", MaxAge: time.Hour, MX: []string{"mail.*.example.org"}},
		"two lines":   {Mode: "testing", MaxAge: time.Hour, MX: []string{"a.example\r\nmx: b.example"}},
	} {
		if err := Check(p); !mail.Is(err, mail.CodeInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
