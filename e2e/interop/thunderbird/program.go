// Package thunderbird drives Debian's Thunderbird, without a screen, by its
// Marionette port. Its tests have the build tag thunderbird: `make interop`
// installs the program and runs them.
package thunderbird

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"postroom/e2e/testbed"
)

// steps is what a person does, as functions of the program.
//
//go:embed steps.js
var steps string

// quiet are the settings of every profile: nothing asks, nothing goes to
// Mozilla's servers, Marionette takes a free port.
var quiet = map[string]any{
	"marionette.port":                               0,
	"mail.shell.checkDefaultClient":                 false,
	"mail.provider.suppress_dialog_on_startup":      true,
	"mailnews.start_page.enabled":                   false,
	"mail.rights.version":                           1,
	"datareporting.policy.dataSubmissionEnabled":    false,
	"datareporting.healthreport.uploadEnabled":      false,
	"toolkit.telemetry.enabled":                     false,
	"network.captive-portal-service.enabled":        false,
	"network.connectivity-service.enabled":          false,
	"services.settings.server":                      "http://127.0.0.1:9",
	"app.update.enabled":                            false,
	"extensions.update.enabled":                     false,
	"mail.spellcheck.inline":                        false,
	"mail.warn_on_send_accel_key":                   false,
	"mailnews.sendInBackground":                     false,
	"mail.server.default.check_all_folders_for_new": false,
}

// Program is a running Thunderbird.
type Program struct {
	*Marionette
	home string
	cmd  *exec.Cmd
	done chan struct{}
}

// Start starts Thunderbird on the profile in home, which is made at the first
// start with these settings besides the quiet ones.
func Start(t *testing.T, home string, settings map[string]any) *Program {
	t.Helper()
	profile := filepath.Join(home, "profile")
	if err := writeSettings(profile, settings); err != nil {
		t.Fatal(err)
	}
	port := filepath.Join(profile, "MarionetteActivePort")
	os.Remove(port)
	out, err := os.Create(filepath.Join(home, "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p := &Program{home: home, done: make(chan struct{})}
	p.cmd = exec.Command("/usr/lib/thunderbird/thunderbird", "--headless", "--no-remote",
		"--marionette", "--remote-allow-system-access", "--profile", profile)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Env = append(os.Environ(), "HOME="+home, "LC_ALL=C.UTF-8", "MOZ_LOG=IMAP:4,sync,append", "MOZ_LOG_FILE="+filepath.Join(home, "imap"))
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() { p.end(t) })
	err = testbed.Until(t.Context(), time.Minute, func() error {
		b, err := os.ReadFile(port)
		if err != nil {
			return err
		}
		p.Marionette, err = DialMarionette("127.0.0.1:"+strings.TrimSpace(string(b)), time.Minute)
		return err
	})
	if err != nil {
		t.Fatalf("thunderbird: %v", err)
	}
	return p
}

func writeSettings(profile string, more map[string]any) error {
	all := maps.Clone(quiet)
	maps.Copy(all, more)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "user_pref(%q, %#v);\n", name, all[name])
	}
	if err := os.MkdirAll(profile, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(profile, "user.js"), []byte(b.String()), 0o600)
}

// Do runs a step and decodes its result.
func (p *Program) Do(t *testing.T, step string, arg, out any) {
	t.Helper()
	if err := p.Script(steps+"\nreturn steps[arguments[0]](arguments[1]);", []any{step, arg}, out); err != nil {
		t.Fatalf("%s: %v\nthe end of what it said to the server:\n%s", step, err, tail(p.Said(t), 40))
	}
}

// Quit ends the program as its menu does.
func (p *Program) Quit(t *testing.T) {
	t.Helper()
	if err := p.Command("Marionette:Quit", map[string]any{"flags": []string{"eAttemptQuit"}}, nil); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		t.Fatal("thunderbird does not end")
	}
}

// end makes sure that nothing of it runs on after the test.
func (p *Program) end(t *testing.T) {
	if p.Marionette != nil {
		p.Close()
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
	if t.Failed() {
		out, _ := os.ReadFile(filepath.Join(p.home, "output"))
		var said []string
		for l := range strings.Lines(string(out)) {
			if strings.Contains(l, "JavaScript") {
				said = append(said, l)
			}
		}
		t.Logf("thunderbird said:\n%s", tail(said, 20))
	}
}

// Said gives the commands that it has sent to the IMAP server, without tags.
func (p *Program) Said(t *testing.T) []string {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(p.home, "imap.moz_log"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for l := range strings.Lines(string(log)) {
		if _, said, ok := strings.Cut(l, ":SendData: "); ok {
			_, command, _ := strings.Cut(strings.TrimSpace(said), " ")
			out = append(out, command)
		}
	}
	return out
}

// AwaitIdle waits until its connection to INBOX is idle.
func (p *Program) AwaitIdle(t *testing.T) {
	t.Helper()
	err := testbed.Until(t.Context(), 30*time.Second, func() error {
		log, err := os.ReadFile(filepath.Join(p.home, "imap.moz_log"))
		if err != nil {
			return err
		}
		_, last, _ := strings.Cut(string(log[max(0, bytes.LastIndex(log, []byte("S-INBOX:SendData: "))):]), ": ")
		last, _, _ = strings.Cut(last, "\n")
		if !strings.HasSuffix(strings.TrimSpace(last), " IDLE") {
			return fmt.Errorf("thunderbird said %q last", last)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func tail(lines []string, n int) string { return strings.Join(lines[max(0, len(lines)-n):], "\n") }
