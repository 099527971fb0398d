package pgembed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"postroom/internal/mail"
)

// childEnv makes this test binary start a cluster, say so, and wait.
const childEnv = "POSTROOM_PGEMBED_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		s, err := Start(context.Background(), Config{DataDir: dir})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println("up", s.URL)
		io.Copy(io.Discard, os.Stdin)
		s.Stop(context.Background())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// dataDir is a directory that PostgreSQL's user can reach.
func dataDir(t *testing.T) string {
	t.Helper()
	base, err := os.MkdirTemp("", "pgembed-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	if err := os.Chmod(base, 0o711); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(base, "var")
}

func startFor(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := Start(t.Context(), Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(context.Background()) })
	return s
}

func query(t *testing.T, url, sql string) string {
	t.Helper()
	c, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	res, err := c.Exec(t.Context(), sql).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(res[0].Rows) == 0 {
		return ""
	}
	return string(res[0].Rows[0][0])
}

func TestStartUseStopStart(t *testing.T) {
	dir := dataDir(t)
	s := startFor(t, dir)
	for sql, want := range map[string]string{
		"SHOW fsync": "on", "SHOW full_page_writes": "on", "SHOW synchronous_commit": "on", "SHOW listen_addresses": "",
		"SHOW server_encoding": "UTF8", "SHOW lc_collate": "C", "SHOW data_checksums": "on", "SELECT current_database()": "postroom",
	} {
		if got := query(t, s.URL, sql); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
	query(t, s.URL, "CREATE TABLE kept (x int)")
	if u, err := URL(dir); err != nil || u != s.URL {
		t.Errorf("URL beside the running one: %q, %v", u, err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := URL(dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("URL after Stop: %v", err)
	}
	again := startFor(t, dir)
	query(t, again.URL, "INSERT INTO kept VALUES (1)")
}

func TestSecondStartIsRefused(t *testing.T) {
	dir := dataDir(t)
	startFor(t, dir)
	_, err := Start(t.Context(), Config{DataDir: dir})
	var e *mail.Error
	if !errors.As(err, &e) || e.Code != mail.CodeInUse || !strings.Contains(e.Text, fmt.Sprint(os.Getpid())) || e.Hint == "" {
		t.Fatalf("%v", err)
	}
}

func TestPostmasterIsRestarted(t *testing.T) {
	s := startFor(t, dataDir(t))
	query(t, s.URL, "CREATE TABLE kept (x int)")
	old := s.PID()
	syscall.Kill(old, syscall.SIGKILL)
	for deadline := time.Now().Add(30 * time.Second); s.PID() == old; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not restarted")
		}
	}
	query(t, s.URL, "INSERT INTO kept VALUES (1)")
}

// child runs Start in another process and gives its URL.
func child(t *testing.T, dir string, attr *syscall.SysProcAttr) (*exec.Cmd, string, io.Closer) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if attr != nil { // go test's own directory is closed to others
		raw, err := os.ReadFile(exe)
		if err != nil {
			t.Fatal(err)
		}
		exe = filepath.Join(filepath.Dir(dir), "pgembed.test")
		if err := os.WriteFile(exe, raw, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	cmd.SysProcAttr, cmd.Dir = attr, "/"
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var word, rest string
	fmt.Fscan(out, &word, &rest)
	if word != "up" {
		more, _ := io.ReadAll(out)
		t.Fatalf("child: %s %s%s", word, rest, more)
	}
	return cmd, rest, in
}

func TestOrphanIsTakenOver(t *testing.T) {
	dir := dataDir(t)
	cmd, url, _ := child(t, dir, nil)
	query(t, url, "CREATE TABLE kept (x int)")
	cmd.Process.Kill()
	cmd.Wait()
	orphan, err := URL(dir)
	if err != nil {
		t.Fatalf("the orphan does not run on: %v", err)
	}
	query(t, orphan, "INSERT INTO kept VALUES (1)")
	s := startFor(t, dir)
	if got := query(t, s.URL, "SELECT count(*) FROM kept"); got != "1" {
		t.Errorf("rows %s", got)
	}
}

func TestOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		return // every other test here already runs as one
	}
	o, err := findOwner()
	if err != nil {
		t.Fatal(err)
	}
	dir := dataDir(t)
	os.Chmod(filepath.Dir(dir), 0o777)
	cmd, url, in := child(t, dir, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)}})
	if got := query(t, url, "SELECT 1"); got != "1" {
		t.Error(got)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestClosedAndLongDirectories(t *testing.T) {
	closed := filepath.Join(dataDir(t), "closed")
	if err := os.MkdirAll(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(closed, strings.Repeat("long", 30))
	s := startFor(t, dir)
	query(t, s.URL, "CREATE TABLE kept (x int)")
	s.Stop(t.Context())
	if os.Geteuid() == 0 {
		raw, err := os.ReadFile(pointerFile(dir))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			os.RemoveAll(strings.TrimSpace(string(raw)))
			os.Remove(strings.TrimSpace(string(raw)) + ".sock")
		})
	}
	again := startFor(t, dir)
	query(t, again.URL, "INSERT INTO kept VALUES (1)")
}

func TestOtherMajorIsRefused(t *testing.T) {
	dir := dataDir(t)
	cluster := filepath.Join(dir, "postgres")
	if err := os.MkdirAll(cluster, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cluster, "PG_VERSION"), []byte("9\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Config{DataDir: dir})
	var e *mail.Error
	if !errors.As(err, &e) || !strings.Contains(e.Text, "PostgreSQL 9") || !strings.Contains(e.Hint, "apt-get install postgresql-9") {
		t.Fatalf("%v", err)
	}
}

func TestNoPrograms(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	old := debianBins
	debianBins = filepath.Join(t.TempDir(), "*")
	t.Cleanup(func() { debianBins = old })
	_, err := Start(t.Context(), Config{DataDir: dataDir(t)})
	var e *mail.Error
	if !errors.As(err, &e) || !strings.Contains(e.Hint, "apt-get install postgresql") {
		t.Fatalf("%v", err)
	}
}

func TestTemporaryLeavesNothing(t *testing.T) {
	s, err := StartTemporary(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := query(t, s.URL, "SHOW fsync"); got != "off" {
		t.Errorf("fsync %s", got)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there", s.dir)
	}
}
