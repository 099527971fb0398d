// Package testbed starts the built postroom binary as an administrator would
// (a configuration file, `serve`, the command line beside it), on free
// loopback ports and in a temporary directory, for the end-to-end cases and
// the benches.
package testbed

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"postroom/e2e/client"
	"postroom/internal/dns/dnstest"
)

// Options say what differs from a plain start.
type Options struct {
	// Binary is the program; "" means $POSTROOM_BIN, else bin/postroom above
	// the working directory.
	Binary   string
	Dir      string // holds everything of the instance; must exist
	Hostname string // "" : mail.test
	Host     string // listening address; "" : 127.0.0.1
	Database string // URL; "" : a private PostgreSQL
	DNS      string // host:port of the DNS server; "": one that knows no names
	Relay    int    // relay_port; 0 : not set
	Settings string // more lines of the file, above its tables
	Env      []string
	// MailOnly leaves HTTP and metrics out, which older programs do not know.
	MailOnly bool
}

// Instance is one running postroom.
type Instance struct {
	Options
	Ports  Ports
	Config string // path of its file
	Log    string // path of its log
	cmd    *exec.Cmd
	waited chan struct{}
	state  error
}

// Ports are the addresses of an instance, host:port.
type Ports struct{ SMTP, Submissions, Submission, IMAP, IMAPS, HTTP, HTTPS, Metrics string }

// Start writes the configuration and starts `postroom serve`; it returns when
// every port answers.
func Start(ctx context.Context, o Options) (*Instance, error) {
	if o.Hostname == "" {
		o.Hostname = "mail.test"
	}
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	if o.Binary == "" {
		b, err := findBinary()
		if err != nil {
			return nil, err
		}
		o.Binary = b
	}
	if o.DNS == "" {
		dns, err := dnstest.Start("127.0.0.1:0") // as long as the test
		if err != nil {
			return nil, err
		}
		o.DNS = dns.Addr()
	}
	i := &Instance{Options: o, Config: filepath.Join(o.Dir, "postroom.toml"), Log: filepath.Join(o.Dir, "postroom.log")}
	if err := i.takePorts(); err != nil {
		return nil, err
	}
	if err := i.writeConfig(); err != nil {
		return nil, err
	}
	if err := i.Start(ctx); err != nil {
		return nil, err
	}
	return i, nil
}

func findBinary() (string, error) {
	if b := os.Getenv("POSTROOM_BIN"); b != "" {
		return b, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for d := dir; d != "/"; d = filepath.Dir(d) {
		b := filepath.Join(d, "bin", "postroom")
		if _, err := os.Stat(b); err == nil {
			return b, nil
		}
	}
	return "", errors.New("no bin/postroom above " + dir + ": run make build, or set POSTROOM_BIN")
}

func (i *Instance) takePorts() error {
	for _, p := range []*string{&i.Ports.SMTP, &i.Ports.Submissions, &i.Ports.Submission, &i.Ports.IMAP, &i.Ports.IMAPS,
		&i.Ports.HTTP, &i.Ports.HTTPS, &i.Ports.Metrics} {
		addr, err := FreePort(i.Host)
		if err != nil {
			return err
		}
		*p = addr
	}
	if i.Relay != 0 {
		i.Ports.SMTP = net.JoinHostPort(i.Host, fmt.Sprint(i.Relay))
	}
	return nil
}

func (i *Instance) writeConfig() error {
	var b strings.Builder
	fmt.Fprintf(&b, "hostname = %q\ndata_dir = %q\nlog_format = \"json\"\n", i.Hostname, filepath.Join(i.Dir, "data"))
	if i.Database != "" {
		fmt.Fprintf(&b, "database_url = %q\n", i.Database)
	}
	fmt.Fprintf(&b, "dns_servers = [%q]\n", i.DNS)
	if i.Relay != 0 {
		fmt.Fprintf(&b, "relay_port = %d\n", i.Relay)
	}
	b.WriteString(i.Settings + "\n")
	fmt.Fprintf(&b, "[listen]\nsmtp = [%q]\nsubmissions = [%q]\nsubmission = [%q]\nimap = [%q]\nimaps = [%q]\n",
		i.Ports.SMTP, i.Ports.Submissions, i.Ports.Submission, i.Ports.IMAP, i.Ports.IMAPS)
	if !i.MailOnly {
		fmt.Fprintf(&b, "http = [%q]\nhttps = [%q]\nmetrics = [%q]\n", i.Ports.HTTP, i.Ports.HTTPS, i.Ports.Metrics)
	}
	return os.WriteFile(i.Config, []byte(b.String()), 0o600)
}

// Start starts `serve` again after Stop or Kill, on the same data and ports.
func (i *Instance) Start(ctx context.Context) error {
	if err := i.Launch(); err != nil {
		return err
	}
	return i.UntilReady(ctx)
}

// Launch is Start that does not wait.
func (i *Instance) Launch() error {
	log, err := os.OpenFile(i.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	i.cmd = exec.Command(i.Binary, "serve", "--config", i.Config)
	i.cmd.Stdout, i.cmd.Stderr = log, log
	i.cmd.Env = append(os.Environ(), i.Env...)
	i.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := i.cmd.Start(); err != nil {
		return err
	}
	waited := make(chan struct{})
	i.waited = waited
	cmd := i.cmd
	go func() {
		i.state = cmd.Wait()
		close(waited)
	}()
	return nil
}

// UntilReady waits until every port greets, or the process ends.
func (i *Instance) UntilReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	for _, addr := range []string{i.Ports.SMTP, i.Ports.IMAP} {
		for {
			if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
				limit := time.Now().Add(10 * time.Second)
				if end, _ := ctx.Deadline(); end.Before(limit) {
					limit = end
				}
				c.SetReadDeadline(limit)
				_, err := c.Read(make([]byte, 1))
				c.Close()
				if err == nil {
					break
				}
			}
			select {
			case <-i.waited:
				return fmt.Errorf("postroom ended at its start: %v\n%s", i.state, i.LogTail(20))
			case <-ctx.Done():
				return fmt.Errorf("postroom does not answer on %s: %w\n%s", addr, ctx.Err(), i.LogTail(20))
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
}

// Pid is the process id of `serve`.
func (i *Instance) Pid() int { return i.cmd.Process.Pid }

// Running tells whether the process lives.
func (i *Instance) Running() bool {
	select {
	case <-i.waited:
		return false
	default:
		return true
	}
}

// Ended is closed when the process has ended.
func (i *Instance) Ended() <-chan struct{} { return i.waited }

// Stop sends SIGTERM and waits for the end, at most limit.
func (i *Instance) Stop(limit time.Duration) error {
	if i.cmd == nil || !i.Running() {
		return nil
	}
	_ = i.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-i.waited:
		return i.state
	case <-time.After(limit):
		_ = i.cmd.Process.Kill()
		<-i.waited
		return fmt.Errorf("postroom did not end within %v of SIGTERM", limit)
	}
}

// Kill ends the process by SIGKILL, as a power cut would.
func (i *Instance) Kill() {
	_ = i.cmd.Process.Kill()
	<-i.waited
}

// LogTail gives the last n lines of the log.
func (i *Instance) LogTail(n int) string {
	b, _ := os.ReadFile(i.Log)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// CLI runs the command line beside the instance, with stdin, and gives its
// standard output.
func (i *Instance) CLI(stdin string, args ...string) (string, error) {
	cmd := exec.Command(i.Binary, append(args, "--config", i.Config)...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), i.Env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("postroom %s: %w: %s", strings.Join(args, " "), err, errOut.String())
	}
	return out.String(), nil
}

// AddDomain adds a domain.
func (i *Instance) AddDomain(name string) error {
	_, err := i.CLI("", "domain", "add", name)
	return err
}

// AddAccount adds an account with a password.
func (i *Instance) AddAccount(address, password string) error {
	_, err := i.CLI(password+"\n", "account", "add", address, "--password-stdin")
	return err
}

// CAFile is the certificate that clients trust.
func (i *Instance) CAFile() string { return filepath.Join(i.Dir, "data", "tls", "ca.pem") }

// TLS gives a client configuration that trusts the instance's CA and no other.
func (i *Instance) TLS() (*tls.Config, error) {
	b, err := os.ReadFile(i.CAFile())
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, errors.New("no certificate in " + i.CAFile())
	}
	return &tls.Config{RootCAs: pool, ServerName: i.Hostname}, nil
}

// IMAPS logs in by IMAP over TLS.
func (i *Instance) IMAPS(user, password string) (*client.IMAP, error) {
	cfg, err := i.TLS()
	if err != nil {
		return nil, err
	}
	c, err := client.DialIMAP(i.Ports.IMAPS, cfg)
	if err != nil {
		return nil, err
	}
	if err := c.Login(user, password); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Submit sends a message as an account over TLS.
func (i *Instance) Submit(user, password string, to []string, msg []byte) (client.Reply, error) {
	cfg, err := i.TLS()
	if err != nil {
		return client.Reply{}, err
	}
	c, _, err := client.DialSMTP(i.Ports.Submissions, cfg)
	if err != nil {
		return client.Reply{}, err
	}
	defer c.Close()
	if _, err := c.Cmd("EHLO client.test"); err != nil {
		return client.Reply{}, err
	}
	if r, err := c.Auth(user, password); err != nil || r.Err() != nil {
		return r, errors.Join(err, r.Err())
	}
	return c.Send(user, to, msg)
}
