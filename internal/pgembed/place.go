package pgembed

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"postroom/internal/mail"
)

// maxSocketDir keeps DIR/.s.PGSQL.5432.lock within the 107 octets of sun_path.
const maxSocketDir = 107 - len("/.s.PGSQL.5432.lock")

// outsideDir takes the clusters of data directories that PostgreSQL's own user
// cannot enter: postgres refuses to run as root, and /root is closed to others.
var outsideDir = "/var/lib/postroom-private"

// place is where one cluster lives and who runs it.
type place struct {
	dataDir   string
	cluster   string // PGDATA
	socketDir string
	owner     *owner // nil: run as ourselves
}

// owner is the unprivileged user that runs postgres when we are root.
type owner struct {
	name     string
	uid, gid int
}

func (p place) logFile() string { return filepath.Join(p.dataDir, "postgres.log") }

// pointerFile names, inside the data directory, a cluster that had to be put
// outside of it.
func pointerFile(dataDir string) string { return filepath.Join(dataDir, "postgres.path") }

// makeDataDir makes the data directory. As root it is passable (not listable),
// so that PostgreSQL's user reaches its cluster in it; every secret in it has
// mode 0600 or stands in a directory of mode 0700.
func makeDataDir(dir string) error {
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711
	}
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, mode); err != nil && !os.IsExist(err) {
		return err
	}
	return os.Chmod(dir, mode)
}

// lookupPlace finds the cluster of a data directory without making anything.
func lookupPlace(dataDir string) (place, error) {
	p := place{dataDir: dataDir, cluster: filepath.Join(dataDir, "postgres")}
	if raw, err := os.ReadFile(pointerFile(dataDir)); err == nil {
		p.cluster = strings.TrimSpace(string(raw))
	}
	return p, nil
}

// findPlace decides where the cluster of dataDir lives, and makes the
// directories around it.
func findPlace(dataDir string) (place, error) {
	p, err := lookupPlace(dataDir)
	if err != nil {
		return p, err
	}
	if os.Geteuid() == 0 {
		if p.owner, err = findOwner(); err != nil {
			return p, err
		}
		if p.cluster, err = reachableCluster(p); err != nil {
			return p, mail.Wrap(mail.CodeUnavailable, err, "no place for the private PostgreSQL can be made")
		}
	}
	p.socketDir, err = p.makeSocketDir()
	if err != nil {
		return p, mail.Wrap(mail.CodeUnavailable, err, "the socket directory of the private PostgreSQL cannot be made")
	}
	return p, nil
}

func findOwner() (*owner, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid != 0 {
			return &owner{name, uid, gid}, nil
		}
	}
	e := mail.Errorf(mail.CodeUnavailable, "PostgreSQL must not run as root, and there is no user postgres to run it as")
	e.Hint = "run postroom as an ordinary user, or make one: adduser --system postgres"
	return nil, e
}

// reachableCluster gives p.cluster when its owner can enter the directories
// above it, otherwise a new directory outside, remembered in the data directory.
func reachableCluster(p place) (string, error) {
	if canEnter(filepath.Dir(p.cluster), p.owner) {
		return p.cluster, nil
	}
	if err := os.MkdirAll(outsideDir, 0o711); err != nil {
		return "", err
	}
	tag := make([]byte, 4)
	rand.Read(tag)
	cluster := filepath.Join(outsideDir, pathHash(p.dataDir)+"-"+hex.EncodeToString(tag))
	return cluster, os.WriteFile(pointerFile(p.dataDir), []byte(cluster+"\n"), 0o600)
}

// canEnter tells whether o may pass every directory down to dir.
func canEnter(dir string, o *owner) bool {
	for {
		st, err := os.Stat(dir)
		if err != nil {
			return false
		}
		sys, ok := st.Sys().(*syscall.Stat_t)
		if !ok {
			return false
		}
		bit := os.FileMode(0o001)
		switch {
		case int(sys.Uid) == o.uid:
			bit = 0o100
		case int(sys.Gid) == o.gid:
			bit = 0o010
		}
		if st.Mode().Perm()&bit == 0 {
			return false
		}
		if dir == "/" {
			return true
		}
		dir = filepath.Dir(dir)
	}
}

// makeSocketDir makes the 0700 directory of the socket: beside the cluster, or,
// when that path is too long for a socket, a short one under a runtime directory.
func (p place) makeSocketDir() (string, error) {
	dir := p.cluster + ".sock"
	if len(dir) > maxSocketDir {
		dir = filepath.Join(runtimeDir(), fmt.Sprintf("postroom-%d-%s", os.Geteuid(), pathHash(p.cluster)))
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return "", err
	}
	// In a shared runtime directory someone else may have made the name first.
	st, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	want := os.Geteuid()
	if uid := int(st.Sys().(*syscall.Stat_t).Uid); !st.IsDir() || (uid != want && (p.owner == nil || uid != p.owner.uid)) {
		return "", fmt.Errorf("%s belongs to someone else", dir)
	}
	if err := p.giveToOwner(dir); err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o700)
}

func runtimeDir() string {
	if os.Geteuid() == 0 {
		return "/run"
	}
	if d := os.Getenv("XDG_RUNTIME_DIR"); d != "" && len(d) < 40 {
		if st, err := os.Stat(d); err == nil && st.IsDir() {
			return d
		}
	}
	return "/tmp"
}

func (p place) giveToOwner(path string) error {
	if p.owner == nil {
		return nil
	}
	return os.Lchown(path, p.owner.uid, p.owner.gid)
}

func pathHash(path string) string {
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:6])
}
