package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"postroom/store/storetest"
)

// jsonRuns are the arguments of each command, in an order in which they work
// one after the other; $ID is the queue id that deliver gave, $SELECTOR a key's.
var jsonRuns = []struct{ command, args, stdin string }{
	{"migrate", "", ""}, {"version", "", ""}, {"config", "", ""},
	{"domain add", "example.org", ""}, {"domain list", "", ""}, {"domain show", "example.org", ""},
	{"certificate list", "", ""}, {"key show", "", ""}, {"key rotate", "", ""},
	{"account add", "alice@example.org", "a long password 1\n"}, {"account import", "-", "bob@example.org,Bob,,\n"},
	{"account list", "", ""}, {"account show", "alice@example.org", ""}, {"account name", "alice@example.org Alice", ""},
	{"account password", "alice@example.org --generate", ""}, {"account quota", "alice@example.org 1G", ""}, {"account imap-without", "alice@example.org NOTIFY", ""}, {"account admin", "alice@example.org on", ""},
	{"account add-address", "alice@example.org a@example.org", ""}, {"account remove-address", "alice@example.org a@example.org", ""},
	{"account rename", "alice@example.org al@example.org", ""}, {"account disable", "bob@example.org", ""}, {"account enable", "bob@example.org", ""},
	{"account logins", "al@example.org --failed", ""},
	{"account app-password add", "al@example.org phone", ""}, {"account app-password list", "al@example.org", ""},
	{"account app-password revoke", "al@example.org phone", ""},
	{"account delete", "bob@example.org --yes", ""}, {"account undelete", "bob@example.org", ""},
	{"alias add", "sales@example.org al@example.org", ""}, {"alias list", "", ""}, {"alias show", "sales@example.org", ""},
	{"alias set", "sales@example.org bob@example.org", ""}, {"alias rename", "sales@example.org shop@example.org", ""}, {"alias delete", "shop@example.org", ""},
	{"smarthost set", "relay.example.net", ""}, {"smarthost list", "", ""}, {"smarthost delete", "", ""},
	{"dns", "example.org", ""}, {"dkim show", "example.org", ""}, {"dkim list", "example.org", ""}, {"dkim renew", "example.org", ""}, {"dkim retire", "example.org $SELECTOR", ""},
	{"deliver", "x@outside.example --as al@example.org", "From: <al@example.org>\nSubject: x\n\nHi.\n"},
	{"trace", "$ID", ""}, {"trace", "--recipient x@outside.example", ""},
	{"queue list", "", ""}, {"queue show", "$ID", ""}, {"queue hold", "$ID", ""}, {"queue release", "$ID", ""}, {"queue retry", "$ID", ""}, {"queue delete", "$ID --yes", ""},
	{"account limits", "al@example.org", ""}, {"domain limits", "example.org", ""}, {"domain mta-sts", "example.org --mode testing", ""},
	{"suppression add", "gone@outside.example", ""}, {"suppression list", "", ""}, {"suppression remove", "gone@outside.example", ""},
	{"sender allow", "friend@outside.example --for al@example.org --network 192.0.2.0/24", ""}, {"sender block", "bad.example", ""},
	{"sender list", "", ""}, {"sender remove", "bad.example", ""}, {"rejects list", "al@example.org", ""},
	{"search status", "--watch", ""}, {"search reread", "", ""},
	{"check", "--no-dns", ""}, {"purge", "--yes", ""}, {"after-restore", "--yes", ""},
	{"domain add", "example.net", ""}, {"domain delete", "example.net --yes", ""},
}

// withoutJSON: what runs until it is stopped, what asks a running server, and
// what needs an account that the server has held, certificates that it got, or mail that it has refused.
var withoutJSON = map[string]bool{"certificate renew": true, "serve": true, "demo": true, "health": true, "account resume": true,
	"rejects release": true}

// TestJSONEverywhere: every command prints one JSON value for --json, and
// nothing else on stdout.
func TestJSONEverywhere(t *testing.T) {
	environ := []string{"POSTROOM_DATABASE_URL=" + storetest.Database(t), "POSTROOM_DATA_DIR=" + t.TempDir(), "POSTROOM_HOSTNAME=mail.example.org",
		"POSTROOM_DNS_SERVERS=127.0.0.1:1"} // nothing there: no test asks the world
	ran, id, selector := map[string]bool{}, "", ""
	for _, r := range jsonRuns {
		ran[r.command] = true
		args := append(strings.Fields(r.command), strings.Fields(strings.NewReplacer("$ID", id, "$SELECTOR", selector).Replace(r.args))...)
		var out, errOut bytes.Buffer
		code := run(context.Background(), append(args, "--json"), streams{in: strings.NewReader(r.stdin), out: &out, err: &errOut, environ: environ})
		if code != 0 && r.command != "check" || !json.Valid(out.Bytes()) || strings.TrimSpace(out.String()) == "null" {
			t.Errorf("%v --json: status %d\n%s%s", args, code, out.String(), errOut.String())
		}
		switch r.command {
		case "deliver":
			var delivered struct{ ID string }
			json.Unmarshal(out.Bytes(), &delivered)
			id = delivered.ID
		case "dkim list":
			var keys []struct{ Selector string }
			json.Unmarshal(out.Bytes(), &keys)
			if len(keys) > 0 {
				selector = keys[0].Selector
			}
		}
	}
	parser, err := kong.New(&commands{})
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(false) {
		name, _, _ := strings.Cut(strings.TrimPrefix(leaf.Path(), parser.Model.Name+" "), " (") // an alias
		if !ran[name] && !withoutJSON[name] {
			t.Errorf("%q is not tried with --json", name)
		}
	}
}
