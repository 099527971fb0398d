package admin_test

import (
	"strings"
	"testing"

	"postroom/internal/admin"
	"postroom/internal/mail"
)

func TestImportAccounts(t *testing.T) {
	a, s := desk(t)
	ctx := t.Context()
	for _, d := range []string{"example.test", "bücher.example"} {
		_, err := a.CreateDomain(ctx, d)
		must(t, err)
	}
	file := "\ufeffName;Address;Quota;Password\r\n" +
		"Anna Ärmel;Anna@example.test;2G;\"pass;word 1\"\r\n" +
		";用户@BÜCHER.example;;\r\n" +
		";anna@example.test;;whatever else\r\n" +
		";nobody@elsewhere.example;;whatever else\r\n" +
		";short@example.test;;abc\r\n" +
		";\"two\"@\r\n" +
		"Ben;ben@xn--bcher-kva.example\r\n"
	if _, err := a.ImportAccounts(ctx, strings.NewReader(file), admin.ImportOptions{}); !mail.Is(err, mail.CodeInvalid) {
		t.Fatalf("a broken quote: %v", err)
	}
	file = strings.Replace(file, `;"two"@`, ";two@", 1)
	steps := 0
	progress := func(done, total int) {
		steps++
		if done != steps || total != 7 {
			t.Errorf("progress %d of %d", done, total)
		}
	}
	dry, err := a.ImportAccounts(ctx, strings.NewReader(file), admin.ImportOptions{DryRun: true})
	must(t, err)
	if got, err := a.Accounts(ctx, "", true); err != nil || len(got) != 0 {
		t.Fatalf("a dry run made %d accounts, %v", len(got), err)
	}
	if dry[0].Error != "" || dry[3].Error == "" {
		t.Errorf("dry run: %+v", dry)
	}
	rows, err := a.ImportAccounts(ctx, strings.NewReader(file), admin.ImportOptions{Progress: progress})
	must(t, err)
	wantErrors := []string{"", "", "taken", "no domain", "too short", "no mail address", ""}
	for i, r := range rows {
		if r.Line != i+2 || (r.Error == "") != (wantErrors[i] == "") || !strings.Contains(r.Error, wantErrors[i]) {
			t.Errorf("row %d: %+v; want error %q", i, r, wantErrors[i])
		}
	}
	if rows[0].Password != "" || rows[1].Password == "" || rows[1].Address != "用户@bücher.example" || rows[3].Hint == "" {
		t.Errorf("rows: %+v", rows)
	}
	acct, cs, err := s.LoginCredentials(ctx, mail.Address{Local: "anna", Domain: "example.test"})
	if err != nil || cs[0].Hash != "hashed pass;word 1" || acct.Name != "Anna Ärmel" || acct.QuotaBytes != 2<<30 {
		t.Errorf("%+v %+v, %v", acct, cs, err)
	}
	_, cs, err = s.LoginCredentials(ctx, mail.Address{Local: "用户", Domain: "xn--bcher-kva.example"})
	if err != nil || cs[0].Hash != "hashed "+rows[1].Password {
		t.Errorf("%+v, %v", cs, err)
	}
	again, err := a.ImportAccounts(ctx, strings.NewReader("anna@example.test,Anna\nnew@example.test,New,a good password,1G\n"), admin.ImportOptions{})
	must(t, err)
	if again[0].Error == "" || again[1].Error != "" {
		t.Errorf("without a header line: %+v", again)
	}
	if _, err := a.ImportAccounts(ctx, strings.NewReader("address,phone\n"), admin.ImportOptions{}); !mail.Is(err, mail.CodeInvalid) {
		t.Errorf("an unknown column: %v", err)
	}
}
