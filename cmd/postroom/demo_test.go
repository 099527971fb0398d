package main

import (
	"context"
	"testing"
)

// TestDemoSettings: variables go over the demo's own values, so that a port in
// use can be changed, and a real server's file has no say.
func TestDemoSettings(t *testing.T) {
	e := &env{ctx: context.Background(), globals: globals{DataDir: "here"},
		streams: streams{environ: []string{"POSTROOM_LISTEN_IMAP=127.0.0.1:31143"}}}
	cfg, err := demoCmd{}.configure(e, &outside{dnsAddr: "127.0.0.1:5300", sinkPort: "2500"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, v := range cfg.Values() {
		got[v.Key] = v.Value
	}
	for key, want := range map[string]string{"listen.imap": "127.0.0.1:31143", "listen.imaps": "127.0.0.1:2993", "data_dir": "here",
		"hostname": "localhost", "dns_servers": "127.0.0.1:5300", "relay_port": "2500", "database_url": ""} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
	file, err := (&env{ctx: context.Background(), streams: streams{environ: e.environ}}).config()
	if err != nil || file.DataDir != "var/demo" {
		t.Errorf("without --data-dir: %v %v", file, err)
	}
}
