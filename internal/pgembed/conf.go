package pgembed

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// writeConf writes what postroom decides about the cluster: at every start, so
// that a new version's choices reach old clusters.
func (p place) writeConf(cfg Config) error {
	files := map[string]string{
		"postroom.conf": settings(p.socketDir, memoryTotal(), cfg.temporary),
		"pg_hba.conf":   "# Written by postroom: only the unix socket, only the users of pg_ident.conf.\nlocal all all peer map=postroom\n",
		"pg_ident.conf": p.identMap(),
	}
	for name, text := range files {
		path := filepath.Join(p.cluster, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
		if err := p.giveToOwner(path); err != nil {
			return err
		}
	}
	return nil
}

// identMap lets root, ourselves and the cluster's owner be the one role.
func (p place) identMap() string {
	names := map[string]bool{"root": true, systemUser(): true}
	if p.owner != nil {
		names[p.owner.name] = true
	}
	var lines []string
	for n := range names {
		lines = append(lines, fmt.Sprintf("postroom %q %s\n", n, roleName))
	}
	sort.Strings(lines)
	return "# Written by postroom.\n" + strings.Join(lines, "")
}

const mib = 1 << 20

// settings is the tuned part: memory by the machine's size, few checkpoints
// (mail is written once), vacuum that keeps up with counters that change per
// delivery. Statements and their parameters never reach PostgreSQL's log, for
// they hold mail.
func settings(socketDir string, memory int64, temporary bool) string {
	var b strings.Builder
	set := func(name, value string) { fmt.Fprintf(&b, "%s = '%s'\n", name, strings.ReplaceAll(value, "'", "''")) }
	mb := func(n int64) string { return fmt.Sprintf("%dMB", n/mib) }
	b.WriteString("# Written by postroom at every start; own settings belong at the end of postgresql.conf.\n")
	set("listen_addresses", "")
	set("port", socketPort)
	set("unix_socket_directories", socketDir)
	set("unix_socket_permissions", "0700")
	set("max_connections", "200")
	set("shared_buffers", mb(clamp(memory/8, 64*mib, 2048*mib)))
	set("effective_cache_size", mb(clamp(memory/2, 256*mib, 1<<45)))
	set("maintenance_work_mem", mb(clamp(memory/32, 64*mib, 512*mib)))
	set("work_mem", "8MB")
	set("max_wal_size", "2GB")
	set("min_wal_size", "256MB")
	set("wal_compression", "on")
	set("wal_level", "replica")
	set("checkpoint_timeout", "15min")
	set("random_page_cost", "1.1")
	set("autovacuum_naptime", "15s")
	set("jit", "off") // every statement is short: compiling costs more than it saves
	set("timezone", "UTC")
	set("log_timezone", "UTC")
	set("log_min_messages", "warning")
	set("log_min_error_statement", "panic")
	set("log_parameter_max_length_on_error", "0")
	set("log_checkpoints", "off")
	set("log_line_prefix", "%m [%p] ")
	if temporary {
		set("fsync", "off")
		set("synchronous_commit", "off")
		set("full_page_writes", "off")
		set("shared_buffers", "128MB")
		set("max_wal_size", "512MB")
		set("min_wal_size", "80MB")
		set("autovacuum_naptime", "60s")
	}
	return b.String()
}

func clamp(n, lo, hi int64) int64 { return min(max(n, lo), hi) }

// memoryTotal reads the machine's memory; a cgroup's smaller limit wins.
func memoryTotal() int64 {
	total := int64(1 << 30)
	if f, err := os.Open("/proc/meminfo"); err == nil {
		defer f.Close()
		for sc := bufio.NewScanner(f); sc.Scan(); {
			var kb int64
			if n, _ := fmt.Sscanf(sc.Text(), "MemTotal: %d kB", &kb); n == 1 {
				total = kb << 10
				break
			}
		}
	}
	if raw, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		var limit int64
		if n, _ := fmt.Sscan(string(raw), &limit); n == 1 && limit > 0 {
			total = min(total, limit)
		}
	}
	return total
}
