package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

// dovecot is Debian's Dovecot with a configuration, folders and ports of this
// run's own. It needs root.
type dovecot struct {
	dir               string
	lmtp, imap, imaps string
	tls               *tls.Config // trusts its certificate
	cmd               *exec.Cmd
}

// startDovecot starts it in dir, which its users must be able to read, and
// waits for its greeting.
func startDovecot(ctx context.Context, dir string) (*dovecot, error) {
	d := &dovecot{dir: dir}
	for _, addr := range []*string{&d.lmtp, &d.imap, &d.imaps} {
		a, err := testbed.FreePort("127.0.0.1")
		if err != nil {
			return nil, err
		}
		*addr = a
	}
	if err := os.Mkdir(d.mail(), 0o777); err != nil {
		return nil, err
	}
	if err := os.Chmod(d.mail(), 0o777); err != nil { // whatever the umask
		return nil, err
	}
	if err := d.writeCertificate(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(d.conf(), []byte(d.settings()), 0o644); err != nil {
		return nil, err
	}
	if err := d.start(ctx); err != nil {
		d.stop()
		return nil, err
	}
	return d, nil
}

func (d *dovecot) mail() string { return filepath.Join(d.dir, "mail") }
func (d *dovecot) conf() string { return filepath.Join(d.dir, "dovecot.conf") }
func (d *dovecot) pid() int     { return d.cmd.Process.Pid }

func (d *dovecot) settings() string {
	return fmt.Sprintf(`base_dir = %[1]s/run
state_dir = %[1]s/state
protocols = imap lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <%[1]s/cert.pem
ssl_key = <%[1]s/key.pem
disable_plaintext_auth = no
log_path = %[1]s/dovecot.log
mail_location = maildir:%[2]s/%%u
first_valid_uid = 1
default_process_limit = 5000
default_client_limit = 20000
mail_max_userip_connections = 10000
service imap-login {
  chroot =
  service_count = 0
  client_limit = 2000
  inet_listener imap {
    port = %[3]s
  }
  inet_listener imaps {
    port = %[6]s
    ssl = yes
  }
}
service imap {
  process_limit = 5000
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = %[4]s
  }
}
passdb {
  driver = static
  args = password=%[5]s
}
userdb {
  driver = static
  args = uid=mail gid=mail home=%[2]s/%%u
}
`, d.dir, d.mail(), port(d.imap), port(d.lmtp), password, port(d.imaps))
}

// start starts it, again after stop, on the same mail and ports.
func (d *dovecot) start(ctx context.Context) error {
	d.cmd = exec.Command("dovecot", "-F", "-c", d.conf())
	if err := d.cmd.Start(); err != nil {
		return err
	}
	for end := time.Now().Add(30 * time.Second); ; {
		c, err := client.DialIMAP(d.imap, nil)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(end) {
			return fmt.Errorf("dovecot does not greet: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (d *dovecot) stop() {
	if d.cmd != nil && d.cmd.Process != nil {
		_ = d.cmd.Process.Signal(os.Interrupt)
		_ = d.cmd.Wait()
	}
}

// writeCertificate makes a certificate of this run, of the kind that postroom
// makes for itself.
func (d *dovecot) writeCertificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	d.tls = &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
	if err := os.WriteFile(filepath.Join(d.dir, "cert.pem"), cert, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
}

// logTail gives the last octets of its log.
func (d *dovecot) logTail() string {
	b, _ := os.ReadFile(filepath.Join(d.dir, "dovecot.log"))
	return string(b[max(0, len(b)-1000):])
}
