// Package dns publishes what `postroom dns` prints in a DNS of its own, breaks
// it record by record, and reads what `postroom check` says.
package dns

import (
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"testing"

	"postroom/e2e/testbed"
	"postroom/internal/dns/dnstest"
)

const (
	domain = "corp.test"
	host   = "mail.corp.test"
)

type record struct{ Name, Type, Zone, Kind, Need, Breaks string }

// finding is what check says.
type finding struct {
	Area, Level, Text, Hint string
	Record                  *struct {
		record
		State string
	}
}

// world is a server with its domain, and the DNS that everybody asks.
type world struct {
	*testbed.Instance
	dns     *dnstest.Server
	records []record
	port    int // of every mail server
}

// others are the names of the rest of the world: a provider to connect to, and
// a block list with its test point.
var others = []string{"far.test. IN MX 10 mx.far.test.", "mx.far.test. IN A 127.0.0.1", "2.0.0.127.bl.test. IN A 127.0.0.2"}

// byACME makes the command line think of certificates from the default
// authority, whose CAA record belongs to those of the host. The server itself
// asks nobody.
var byACME = []string{"--set", "acme=on", "--set", "acme_email=admin@corp.test"}

func newWorld(t *testing.T) *world {
	t.Helper()
	port, err := testbed.CommonPort("127.0.0.1", "127.0.0.2")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{dns: dnstest.New(t), port: port}
	w.Instance = testbed.Company(t, testbed.Options{Hostname: host, DNS: w.dns.Addr(), Relay: port,
		Settings: "lift_limits = true\npublic_addresses = [\"127.0.0.1\"]\ncheck_dnsbls = [\"bl.test\"]\ncheck_probe = \"far.test\""},
		domain, "alice")
	if _, err := w.CLI("", "domain", "mta-sts", domain, "--mode", "testing"); err != nil {
		t.Fatal(err)
	}
	out, err := w.CLI("", append([]string{"dns", domain, "--json"}, byACME...)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(out), &w.records); err != nil || len(w.records) < 20 {
		t.Fatalf("%d records, %v", len(w.records), err)
	}
	w.publish(w.records, others...)
	return w
}

// publish makes records, and more, the whole DNS.
func (w *world) publish(records []record, more ...string) {
	for _, r := range append(w.records, records...) {
		w.dns.Remove(r.Name)
	}
	for _, name := range []string{"far.test", "mx.far.test", "2.0.0.127.bl.test", "1.0.0.127.bl.test"} {
		w.dns.Remove(name)
	}
	for _, r := range records {
		w.dns.Add(r.Zone)
	}
	w.dns.Add(more...)
}

// without leaves one record out.
func (w *world) without(i int) []record {
	return append(append([]record{}, w.records[:i]...), w.records[i+1:]...)
}

// check runs `postroom check`, and gives its findings and exit status.
func (w *world) check(t *testing.T, args ...string) (out []finding, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), w.Binary, slices.Concat([]string{"check", "--json", "--config", w.Config}, byACME, args)...)
	raw, err := cmd.Output()
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("check %v: %v in %s", args, err, raw)
	}
	if err != nil {
		code = cmd.ProcessState.ExitCode()
	}
	return out, code
}

// notOK gives the records that check complains of, as "state TYPE name".
func notOK(all []finding) (out []string, at []finding) {
	for _, f := range all {
		if f.Record != nil && f.Record.State != "ok" {
			out = append(out, fmt.Sprintf("%s %s %s", f.Record.State, f.Record.Type, f.Record.Name))
			at = append(at, f)
		}
	}
	return out, at
}

// in gives the findings of an area.
func in(all []finding, area string) (out []finding) {
	for _, f := range all {
		if f.Area == area {
			out = append(out, f)
		}
	}
	return out
}

func addr(ip string, port int) string { return net.JoinHostPort(ip, strconv.Itoa(port)) }
