package upgrade

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
)

// PostgresTool finds a program of PostgreSQL: in PATH, else in Debian's
// versioned folders.
func PostgresTool(name string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return "", fmt.Errorf("no %s: install postgresql-client", name)
	}
	return found[len(found)-1], nil
}

// Dump gives a database as SQL that any later PostgreSQL reads.
func Dump(url string) ([]byte, error) {
	tool, err := PostgresTool("pg_dump")
	if err != nil {
		return nil, err
	}
	var out, errOut bytes.Buffer
	cmd := exec.Command(tool, "--no-owner", "--no-privileges", url)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("pg_dump: %w: %s", err, errOut.String())
	}
	return out.Bytes(), nil
}

// Load reads a dump into an empty database.
func Load(url string, sql []byte) error {
	tool, err := PostgresTool("psql")
	if err != nil {
		return err
	}
	cmd := exec.Command(tool, "-q", "-X", "-v", "ON_ERROR_STOP=1", url)
	cmd.Stdin = bytes.NewReader(sql)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("psql: %w: %.2000s", err, out)
	}
	return nil
}
