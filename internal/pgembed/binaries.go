package pgembed

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"postroom/internal/mail"
)

// minMajor is the oldest PostgreSQL that postroom's SQL is written for.
const minMajor = 15

// debianBins is where Debian's packages put the programs of each major.
var debianBins = "/usr/lib/postgresql/*/bin"

// binaries is one installed PostgreSQL.
type binaries struct {
	dir   string
	major int
}

func (b binaries) path(name string) string { return filepath.Join(b.dir, name) }

// findBinaries picks the programs for a cluster: those of its PG_VERSION's
// major when it exists (another major cannot read it), the newest otherwise.
func findBinaries(cluster string) (binaries, error) {
	found := installed()
	raw, err := os.ReadFile(filepath.Join(cluster, "PG_VERSION"))
	if os.IsNotExist(err) {
		if len(found) > 0 && found[0].major >= minMajor {
			return found[0], nil
		}
		return binaries{}, missingError(found)
	}
	if err != nil {
		return binaries{}, mail.Wrap(mail.CodeUnavailable, err, "the version of the PostgreSQL cluster cannot be read")
	}
	major := strings.TrimSpace(string(raw))
	for _, b := range found {
		if strconv.Itoa(b.major) == major {
			return b, nil
		}
	}
	return binaries{}, wrongMajorError(cluster, major, found)
}

func missingError(found []binaries) error {
	e := mail.Errorf(mail.CodeUnavailable, "PostgreSQL %d or newer is not installed%s", minMajor, listMajors(found))
	e.Hint = "install it (Debian: apt-get install postgresql), or set database_url to a PostgreSQL that runs elsewhere"
	return e
}

func wrongMajorError(cluster, major string, found []binaries) error {
	e := mail.Errorf(mail.CodeUnavailable, "the cluster %s was made by PostgreSQL %s, which is not installed%s",
		cluster, major, listMajors(found))
	e.Hint = fmt.Sprintf("install that version (Debian: apt-get install postgresql-%s); to move to another major, "+
		"start it once more with version %s, take a pg_dump, move %s away, start postroom and load the dump",
		major, major, cluster)
	return e
}

func listMajors(found []binaries) string {
	if len(found) == 0 {
		return ""
	}
	var s []string
	for _, b := range found {
		s = append(s, strconv.Itoa(b.major))
	}
	return " (found: " + strings.Join(s, ", ") + ")"
}

// installed lists what is there, newest major first.
func installed() []binaries {
	var dirs []string
	if p, err := exec.LookPath("postgres"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			dirs = append(dirs, filepath.Dir(p))
		}
	}
	more, _ := filepath.Glob(debianBins)
	var out []binaries
	seen := map[string]bool{}
	for _, d := range append(dirs, more...) {
		if seen[d] {
			continue
		}
		seen[d] = true
		if m := majorOf(d); m > 0 {
			out = append(out, binaries{d, m})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].major > out[j].major })
	return out
}

var versionRE = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// majorOf asks the programs in dir for their major; 0 when initdb or postgres
// is missing there.
func majorOf(dir string) int {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return 0
	}
	m := versionRE.FindSubmatch(out)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}
