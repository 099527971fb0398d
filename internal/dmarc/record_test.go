package dmarc

import "testing"

func TestParse(t *testing.T) {
	with := func(change func(*Record)) Record {
		r := Record{Policy: None, PSD: Unknown, Percent: 100}
		change(&r)
		return r
	}
	for txt, want := range map[string]Record{
		"v=DMARC1":                                    with(func(*Record) {}),
		"v=DMARC1; p=none":                            with(func(*Record) {}),
		"v=DMARC1;p=quarantine;":                      with(func(r *Record) { r.Policy = Quarantine }),
		" V = DMARC1 ;\tP =\tReject ; ":               with(func(r *Record) { r.Policy = Reject }),
		"v=DMARC1; sp=reject; p=none":                 with(func(r *Record) { r.SubdomainPolicy = Reject }),
		"v=DMARC1; p=reject; np=NONE":                 with(func(r *Record) { r.Policy, r.NonexistentPolicy = Reject, None }),
		"v=DMARC1; adkim=s; aspf=S":                   with(func(r *Record) { r.StrictDKIM, r.StrictSPF = true, true }),
		"v=DMARC1; adkim=strict; aspf=":               with(func(*Record) {}),
		"v=DMARC1; psd=y":                             with(func(r *Record) { r.PSD = Suffix }),
		"v=DMARC1; psd=N":                             with(func(r *Record) { r.PSD = Organization }),
		"v=DMARC1; psd=maybe":                         with(func(*Record) {}),
		"v=DMARC1; p=reject; t=y; pct=5":              with(func(r *Record) { r.Policy, r.Testing = Reject, true }),
		"v=DMARC1; p=reject; pct=5; t=n":              with(func(r *Record) { r.Policy = Reject }),
		"v=DMARC1; p=reject; t=x; pct=5":              with(func(r *Record) { r.Policy, r.Percent = Reject, 5 }),
		"v=DMARC1; p=reject; pct=0":                   with(func(r *Record) { r.Policy, r.Percent = Reject, 0 }),
		"v=DMARC1; pct=101":                           with(func(*Record) {}),
		"v=DMARC1; pct=-1":                            with(func(*Record) {}),
		"v=DMARC1; pct=5%":                            with(func(*Record) {}),
		"v=DMARC1; p=reject; p=none":                  with(func(r *Record) { r.Policy = Reject }),
		"v=DMARC1; rf=iodef; ri=0; fo=q":              with(func(*Record) {}),
		"v=DMARC1; x=1; junk; =; ;;p=reject;\x00\xff": with(func(r *Record) { r.Policy = Reject }),
		"v=DMARC1; v=DMARC2; p=reject":                with(func(r *Record) { r.Policy = Reject }),
		"v=DMARC1; p=monitor":                         with(func(r *Record) { r.Invalid = true }),
		"v=DMARC1; p=":                                with(func(r *Record) { r.Invalid = true }),
		"v=DMARC1; p=reject; sp=drop":                 with(func(r *Record) { r.Invalid = true }),
		"v=DMARC1; p=reject; np=drop":                 with(func(r *Record) { r.Invalid = true }),
		"v=DMARC1; p=drop; rua=nowhere":               with(func(r *Record) { r.Invalid = true }),
		"v=DMARC1; p=drop; rua=mailto:":               with(func(r *Record) { r.Invalid = true }),
		"v=DMARC1; p=drop; sp=reject; rua=x, mailto:a@example.com!10m": with(func(*Record) {}),
		"v=DMARC1; rua=https://example.com/r; p=drop; psd=n":           with(func(r *Record) { r.PSD = Organization }),
	} {
		if got, ok := Parse(txt); !ok || got != want {
			t.Errorf("%q: %+v %v, want %+v", txt, got, ok, want)
		}
	}
	for _, txt := range []string{"", "v", "v=", "v=dmarc1; p=reject", "v=DMARC10; p=reject", "v=DMARC1 p=reject", "p=reject; v=DMARC1",
		";v=DMARC1; p=reject", "v=spf1 -all", "x v=DMARC1", "v==DMARC1"} {
		if got, ok := Parse(txt); ok {
			t.Errorf("%q is taken: %+v", txt, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"v=DMARC1; p=reject; sp=none; np=quarantine; pct=3; t=y; psd=n; adkim=s; aspf=r", "v=DMARC1;p=x;rua=mailto:a@b!1m,%"} {
		f.Add(s)
	}
	policies := map[Policy]bool{None: true, Quarantine: true, Reject: true}
	f.Fuzz(func(t *testing.T, txt string) {
		r, ok := Parse(txt)
		if !ok {
			return
		}
		if !policies[r.Policy] || r.SubdomainPolicy != "" && !policies[r.SubdomainPolicy] || r.NonexistentPolicy != "" && !policies[r.NonexistentPolicy] {
			t.Errorf("policies %+v", r)
		}
		if r.Percent < 0 || r.Percent > 100 || r.PSD != Unknown && r.PSD != Suffix && r.PSD != Organization {
			t.Errorf("%+v", r)
		}
		if r.Invalid && r.Policy != None {
			t.Errorf("an unusable record asks for %s", r.Policy)
		}
	})
}
