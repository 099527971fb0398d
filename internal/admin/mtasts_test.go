package admin_test

import (
	"slices"
	"testing"
	"time"

	"postroom/internal/admin"
	"postroom/internal/mail"
)

func TestMTASTSPolicyOfADomain(t *testing.T) {
	a, s := desk(t)
	_, err := a.CreateDomain(t.Context(), "bücher.example")
	must(t, err)
	show := func(want string) admin.MTASTS {
		t.Helper()
		p, err := a.MTASTS(t.Context(), "bücher.example")
		must(t, err)
		if p.Mode != want {
			t.Errorf("mode %s, want %s", p.Mode, want)
		}
		return p
	}
	if p := show("off"); p.Record != nil || p.URL != "" {
		t.Errorf("a domain without a policy: %+v", p)
	}
	first, err := a.SetMTASTS(t.Context(), "bücher.example", "mail.example.org", admin.MTASTSArgs{Mode: "testing"})
	must(t, err)
	if first.MaxAge != 7*24*3600 || !slices.Equal(first.MX, []string{"mail.example.org"}) ||
		first.URL != "https://mta-sts.xn--bcher-kva.example/.well-known/mta-sts.txt" ||
		first.Record.Name != "_mta-sts.xn--bcher-kva.example" || first.Record.Value != "v=STSv1; id="+first.ID+";" {
		t.Errorf("%+v, %+v", first, first.Record)
	}
	// What is not named stays: the host too, on whichever node this runs.
	_, err = a.SetMTASTS(t.Context(), "bücher.example", "other.example.org", admin.MTASTSArgs{Mode: "enforce"})
	must(t, err)
	if p := show("enforce"); p.ID == first.ID || p.MX[0] != "mail.example.org" || p.MaxAge != first.MaxAge {
		t.Errorf("%+v", p)
	}
	_, err = a.SetMTASTS(t.Context(), "bücher.example", "x", admin.MTASTSArgs{MX: []string{"*.Bücher.example"}, MaxAge: time.Hour})
	must(t, err)
	if p := show("enforce"); p.MX[0] != "*.xn--bcher-kva.example" || p.MaxAge != 3600 {
		t.Errorf("%+v", p)
	}
	_, err = a.SetMTASTS(t.Context(), "bücher.example", "x", admin.MTASTSArgs{Mode: "strict"})
	refused(t, err, mail.CodeInvalid, "testing and enforce")
	_, err = a.SetMTASTS(t.Context(), "foreign.example", "mail.example.org", admin.MTASTSArgs{Mode: "testing"})
	refused(t, err, mail.CodeNotFound, "postroom domain list")
	_, err = a.SetMTASTS(t.Context(), "bücher.example", "x", admin.MTASTSArgs{Mode: "off"})
	must(t, err)
	show("off")
	log, err := s.Audit(t.Context(), time.Now().Add(-time.Hour), 0)
	must(t, err)
	n := 0
	for _, l := range log {
		if l.Action == "domain.mta-sts" && l.Actor == "test" && l.Target == "xn--bcher-kva.example" {
			n++
		}
	}
	if n != 4 {
		t.Errorf("%d audit rows of 4 changes", n)
	}
	_, err = a.SetMTASTS(t.Context(), "bücher.example", "mail.example.org", admin.MTASTSArgs{Mode: "none"})
	must(t, err)
	must(t, a.DeleteDomain(t.Context(), "bücher.example"))
}
