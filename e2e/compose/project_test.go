package compose

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

const (
	hostname = "mail.test"
	domain   = "example.test"
	password = testbed.Password
)

// imageName is the image of this run's projects, built once and removed at the
// end.
var imageName = fmt.Sprintf("postroome2e%d:test", os.Getpid())

func TestMain(m *testing.M) {
	before := dangling()
	code := m.Run()
	exec.Command("docker", "rmi", "-f", imageName).Run()
	for id := range dangling() {
		if !before[id] && ours(id) {
			exec.Command("docker", "rmi", id).Run()
		}
	}
	os.Exit(code)
}

// dangling lists images without a name: build stages and replaced images.
func dangling() map[string]bool {
	out, _ := exec.Command("docker", "images", "-q", "-f", "dangling=true").Output()
	ids := map[string]bool{}
	for _, id := range strings.Fields(string(out)) {
		ids[id] = true
	}
	return ids
}

// ours tells an image that deploy/Dockerfile made.
func ours(id string) bool {
	out, _ := exec.Command("docker", "history", "--no-trunc", id).Output()
	return strings.Contains(string(out), "./cmd/postroom") || strings.Contains(string(out), `ENTRYPOINT ["postroom"]`)
}

// project is one compose project: its file, its .env and its ports.
type project struct {
	t     *testing.T
	name  string
	file  string
	env   string
	ports testbed.Ports
}

// compose is the tool that this machine has.
func compose(t *testing.T) []string {
	t.Helper()
	if err := exec.Command("docker", "info").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no container engine answers, and CI=true demands one: %v", err)
		}
		t.Skip("no container engine answers here; CI=true makes that a failure")
	}
	if exec.Command("docker", "compose", "version").Run() == nil {
		return []string{"docker", "compose"}
	}
	if _, err := exec.LookPath("docker-compose"); err != nil {
		t.Fatal("neither docker compose nor docker-compose is installed")
	}
	return []string{"docker-compose"}
}

// root is the module's directory.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// images gives the .env lines of the images: those of .env when the machine
// has its own choice (POSTROOM_TEST_IMAGES=default), else the stand-ins.
func images(t *testing.T) string {
	t.Helper()
	if os.Getenv("POSTROOM_TEST_IMAGES") == "default" {
		return ""
	}
	cmd := exec.Command("deploy/base-images.sh")
	cmd.Dir = root(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("base images: %v\n%s", err, out)
	}
	cmd = exec.Command("deploy/base-images.sh", "env")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// newProject writes the .env of a project of its own.
func newProject(t *testing.T, file string, lines ...string) *project {
	t.Helper()
	compose(t)
	p := &project{t: t, name: fmt.Sprintf("postroome2e%d", os.Getpid()), file: filepath.Join(root(t), file), env: filepath.Join(t.TempDir(), "env")}
	for _, at := range []*string{&p.ports.SMTP, &p.ports.Submissions, &p.ports.Submission, &p.ports.IMAP, &p.ports.IMAPS, &p.ports.HTTP, &p.ports.HTTPS} {
		addr, err := testbed.FreePort("127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		*at = addr
	}
	text := images(t) + "POSTROOM_IMAGE=" + imageName + "\nMAIL_HOSTNAME=" + hostname + "\n" + strings.Join(lines, "\n") + "\n"
	for name, addr := range map[string]string{"SMTP": p.ports.SMTP, "SUBMISSIONS": p.ports.Submissions, "SUBMISSION": p.ports.Submission,
		"IMAP": p.ports.IMAP, "IMAPS": p.ports.IMAPS, "HTTP": p.ports.HTTP, "HTTPS": p.ports.HTTPS} {
		_, port, _ := net.SplitHostPort(addr)
		text += fmt.Sprintf("PORT_%s=%s\nLISTEN_%s=127.0.0.1:%s,[::1]:%s\n", name, port, name, port, port)
	}
	if err := os.WriteFile(p.env, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.remove)
	return p
}

func (p *project) command(ctx context.Context, args ...string) *exec.Cmd {
	all := append(compose(p.t), "--project-directory", root(p.t), "-f", p.file, "--env-file", p.env, "-p", p.name)
	all = append(all, args...)
	cmd := exec.CommandContext(ctx, all[0], all[1:]...)
	cmd.Dir = root(p.t)
	// .env alone decides: variables of the caller would win over it.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "DOCKER_HOST=" + os.Getenv("DOCKER_HOST")}
	if os.Getenv("DOCKER_HOST") == "" {
		cmd.Env = cmd.Env[:2]
	}
	return cmd
}

// run runs the tool and gives its stdout.
func (p *project) run(stdin string, args ...string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	cmd := p.command(ctx, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		p.t.Fatalf("compose %s: %v\n%s\n%s", strings.Join(args, " "), err, tail(out.String()+errOut.String(), 30), tail(p.logs(), 20))
	}
	return out.String()
}

// postroom runs the command line in the container.
func (p *project) postroom(stdin string, args ...string) string {
	p.t.Helper()
	return p.run(stdin, append([]string{"exec", "-T", "postroom", "postroom"}, args...)...)
}

func (p *project) logs() string {
	out, _ := p.command(context.Background(), "logs", "--no-color").CombinedOutput()
	return string(out)
}

func (p *project) remove() {
	p.command(context.Background(), "down", "-v", "--remove-orphans", "-t", "5").Run()
}

// untilHealthy waits for the healthcheck of the image.
func (p *project) untilHealthy() {
	p.t.Helper()
	id := strings.TrimSpace(p.run("", "ps", "-q", "postroom"))
	err := testbed.Until(context.Background(), 2*time.Minute, func() error {
		out, err := exec.Command("docker", "inspect", "-f", "{{.State.Health.Status}} {{.RestartCount}}", id).Output()
		if err != nil || !strings.HasPrefix(string(out), "healthy") {
			return fmt.Errorf("health: %s %v", out, err)
		}
		return nil
	})
	if err != nil {
		p.t.Fatalf("%v\n%s", err, tail(p.logs(), 30))
	}
}

// clientTLS trusts the server's CA file and nothing else.
func (p *project) clientTLS() *tls.Config {
	p.t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(p.run("", "exec", "-T", "postroom", "cat", "/var/lib/postroom/tls/ca.pem"))) {
		p.t.Fatal("no certificate in ca.pem")
	}
	return &tls.Config{RootCAs: pool, ServerName: hostname}
}

// submit sends a message as alice through the published port.
func (p *project) submit(to string, octets []byte) {
	p.t.Helper()
	c, _, err := client.DialSMTP(p.ports.Submissions, p.clientTLS())
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	if r, err := c.Cmd("EHLO client.test"); err != nil || r.Err() != nil {
		p.t.Fatal(r, err)
	}
	if r, err := c.Auth("alice@"+domain, password); err != nil || r.Err() != nil {
		p.t.Fatal(r, err)
	}
	if r, err := c.Send("alice@"+domain, []string{to}, octets); err != nil || r.Err() != nil {
		p.t.Fatal(r, err)
	}
}

// inbox fetches what bob has.
func (p *project) inbox() [][]byte {
	p.t.Helper()
	c, err := client.DialIMAP(p.ports.IMAPS, p.clientTLS())
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login("bob@"+domain, password); err != nil {
		p.t.Fatal(err)
	}
	n, _, err := c.Select("INBOX")
	if err != nil {
		p.t.Fatal(err)
	}
	if n == 0 {
		return nil
	}
	messages, err := c.Fetch("1:*")
	if err != nil {
		p.t.Fatal(err)
	}
	var out [][]byte
	for _, m := range messages {
		out = append(out, m.Body)
	}
	return out
}

// wantInbox asserts that bob's INBOX ends with exactly these messages.
func (p *project) wantInbox(sent ...[]byte) {
	p.t.Helper()
	got := p.inbox()
	if len(got) != len(sent) {
		p.t.Fatalf("%d messages in the mailbox, want %d", len(got), len(sent))
	}
	for i := range sent {
		if !bytes.HasSuffix(got[i], sent[i]) {
			p.t.Errorf("message %d did not arrive octet for octet:\n%q\nwant at its end\n%q", i, got[i], sent[i])
		}
	}
}

func (p *project) company() {
	p.t.Helper()
	p.postroom("", "domain", "add", domain)
	for _, name := range []string{"alice", "bob"} {
		p.postroom(password+"\n", "account", "add", name+"@"+domain)
	}
}

func letter(n int) []byte {
	return fmt.Appendf(nil, "From: <alice@%s>\r\nTo: <bob@%s>\r\nSubject: letter %d\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n"+
		"Message-ID: <letter-%d@%s>\r\n\r\nGrüße %d\r\n.\r\n", domain, domain, n, n, domain, n)
}

func tail(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
