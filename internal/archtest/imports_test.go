package archtest

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// rule says what the packages below a path may import of this module and of
// pgx. A prefix ending in "/" takes everything below it.
type rule struct {
	room string
	may  []string // prefixes within the module; "" alone: everything
	pgx  bool
}

// rules is THE import table. The first row whose room fits a package counts.
var rules = []rule{
	{"cmd/", []string{""}, true},
	{"e2e", []string{""}, true},
	{"bench", []string{""}, true},
	{"internal/archtest", nil, false},
	{"internal/mail", nil, false},
	{"internal/pgembed", []string{"internal/mail", "internal/pgembed"}, false},
	{"internal/config", []string{"internal/mail"}, false},
	{"internal/admin", []string{"internal/", "store"}, false},
	{"internal/", []string{"internal/"}, false},
	{"migrations", nil, false},
	{"store/storetest", []string{"internal/", "migrations", "store"}, true},
	{"store", []string{"internal/mail", "internal/secret", "internal/address", "internal/lru", "internal/crashpoint", "internal/postings", "migrations", "store"}, true},
	{"smtpd", []string{"internal/", "smtpd"}, false},
	{"webui", []string{"internal/"}, false},
	{"imapd/view", []string{"internal/mail"}, false},
	{"imapd/wire", []string{"internal/mail"}, false},
	{"imapd", []string{"internal/", "imapd"}, false},
	{"delivery", []string{"internal/", "delivery"}, false},
	{"scripts/", []string{"internal/"}, false},
}

// forbidden pairs are refused whatever the table says.
var forbidden = []struct{ room, imported, why string }{
	{"store", "internal/message", "the store keeps what it is given and understands no message"},
	{"internal/mail", "internal/", "the vocabulary imports the standard library only"},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", "postroom/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func inRoom(path, room string) bool {
	return path == strings.TrimSuffix(room, "/") || strings.HasPrefix(path, strings.TrimSuffix(room, "/")+"/")
}

func TestImportTable(t *testing.T) {
	packages := list(t)
	if len(packages) < 3 {
		t.Fatalf("go list found %d packages", len(packages))
	}
	for _, p := range packages {
		path := strings.TrimPrefix(p.ImportPath, "postroom/")
		r, ok := ruleFor(path)
		if !ok {
			t.Errorf("%s stands in no room of the import table", path)
			continue
		}
		for _, imported := range p.Imports {
			if why := r.refuses(path, imported); why != "" {
				t.Errorf("%s imports %s: %s", path, imported, why)
			}
		}
	}
}

func ruleFor(path string) (rule, bool) {
	for _, r := range rules {
		if inRoom(path, r.room) {
			return r, true
		}
	}
	return rule{}, false
}

func (r rule) refuses(path, imported string) string {
	if strings.HasPrefix(imported, "github.com/jackc/pgx") && !r.pgx {
		return "only the store speaks to PostgreSQL"
	}
	own, ok := strings.CutPrefix(imported, "postroom/")
	if !ok {
		return ""
	}
	for _, f := range forbidden {
		if inRoom(path, f.room) && inRoom(own, f.imported) && !strings.HasSuffix(path, "test") {
			return f.why
		}
	}
	for _, m := range r.may {
		if m == "" || inRoom(own, m) {
			return ""
		}
	}
	return "not in the import table"
}
