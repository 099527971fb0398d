package testbed

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"postroom/internal/tlsconf"
)

// Pebble is an ACME authority: bin/pebble-… of the Makefile. Each start of it
// has a new root and no accounts.
type Pebble struct {
	Directory string // acme_directory
	CAFile    string // acme_ca
	Validity  time.Duration

	dir, dns          string
	listen, manage    string
	httpPort, tlsPort int
	cmd               *exec.Cmd
	ended             chan struct{}
	trust             *http.Client
	cert, key         string
}

// NewPebble prepares an authority that looks names up at dns and proves them on
// these ports.
func NewPebble(dir, dns string, httpPort, tlsPort int) (*Pebble, error) {
	p := &Pebble{dir: dir, dns: dns, httpPort: httpPort, tlsPort: tlsPort, Validity: 90 * 24 * time.Hour}
	source, err := tlsconf.New(tlsconf.Config{Dir: dir, Hostname: "localhost"})
	if err != nil {
		return nil, err
	}
	p.CAFile, p.cert, p.key = source.CAFile(), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "cert.key")
	raw, err := os.ReadFile(p.CAFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(raw)
	p.trust = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool}}}
	for _, a := range []*string{&p.listen, &p.manage} {
		if *a, err = FreePort("127.0.0.1"); err != nil {
			return nil, err
		}
	}
	p.Directory = "https://" + p.listen + "/dir"
	return p, nil
}

// Start starts it and waits until it answers.
func (p *Pebble) Start(ctx context.Context) error {
	binary, err := findPebble()
	if err != nil {
		return err
	}
	profiles := map[string]any{"default": map[string]any{"description": "all", "validityPeriod": int(p.Validity.Seconds())}}
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{"listenAddress": p.listen, "managementListenAddress": p.manage,
		"certificate": p.cert, "privateKey": p.key, "httpPort": p.httpPort, "tlsPort": p.tlsPort,
		"keyAlgorithm": "ecdsa", "profiles": profiles, "retryAfter": map[string]int{"authz": 1, "order": 1}}})
	if err != nil {
		return err
	}
	file := filepath.Join(p.dir, "pebble.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(p.dir, "pebble.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd = exec.Command(binary, "-config", file, "-dnsserver", p.dns)
	p.cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0")
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	ended, cmd := make(chan struct{}), p.cmd
	p.ended = ended
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	return Until(ctx, 20*time.Second, func() error { _, err := p.Roots(); return err })
}

func findPebble() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for d := dir; d != "/"; d = filepath.Dir(d) {
		if found, _ := filepath.Glob(filepath.Join(d, "bin", "pebble-*")); len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", errors.New("no bin/pebble-… above " + dir + ": make e2e builds it")
}

// Stop ends it.
func (p *Pebble) Stop() {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill()
		<-p.ended
		p.cmd = nil
	}
}

// Roots gives what a client must trust of what it issues since its start.
func (p *Pebble) Roots() (*x509.CertPool, error) {
	r, err := p.trust.Get("https://" + p.manage + "/roots/0")
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("no root from pebble: %s", raw)
	}
	return pool, nil
}

// Settings are the lines of a configuration file that use it.
func (p *Pebble) Settings() string {
	return fmt.Sprintf("acme = \"on\"\nacme_email = \"admin@example.test\"\nacme_directory = %q\nacme_ca = %q\n", p.Directory, p.CAFile)
}
