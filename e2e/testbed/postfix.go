package testbed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Postfix is Debian's Postfix with a configuration, a queue and a log of the
// test's own; the system's are not touched. It needs root, since its master
// starts programs as other users.
type Postfix struct {
	Conf string // folder of main.cf and master.cf
	Log  string
}

// StartPostfix starts it in dir, which its users must be able to pass through.
// main is lines of main.cf, services are more lines of master.cf; it returns when
// each of them that listens on host:port takes connections.
func StartPostfix(ctx context.Context, dir, main string, services ...string) (*Postfix, error) {
	p := &Postfix{Conf: filepath.Join(dir, "postfix"), Log: filepath.Join(dir, "postfix.log")}
	if err := p.configure(dir, main, services); err != nil {
		return nil, err
	}
	if _, err := p.Do(ctx, "postfix", "start"); err != nil {
		log, _ := os.ReadFile(p.Log)
		return nil, fmt.Errorf("%w%s", err, log)
	}
	for _, s := range services {
		addr, _, listens := strings.Cut(s, " inet ")
		if !listens {
			continue
		}
		err := Until(ctx, 30*time.Second, func() error {
			c, err := net.DialTimeout("tcp", addr, time.Second)
			if err == nil {
				c.Close()
			}
			return err
		})
		if err != nil {
			return nil, errors.Join(err, p.Stop())
		}
	}
	return p, nil
}

func (p *Postfix) configure(dir, main string, services []string) error {
	queue, data := filepath.Join(dir, "queue"), filepath.Join(dir, "postfix-data")
	for _, d := range []string{p.Conf, queue, data} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	if err := Own(data, "postfix"); err != nil {
		return err
	}
	main = fmt.Sprintf("compatibility_level = 3.6\nqueue_directory = %s\ndata_directory = %s\n"+
		"maillog_file = %s\nmaillog_file_prefixes = %s\nalias_maps =\n", queue, data, p.Log, dir) + main
	if err := os.WriteFile(filepath.Join(p.Conf, "main.cf"), []byte(main), 0o644); err != nil {
		return err
	}
	master := strings.Join(append(services, postfixServices...), "\n") + "\n"
	return os.WriteFile(filepath.Join(p.Conf, "master.cf"), []byte(master), 0o644)
}

// postfixServices is master.cf without what listens on the network; nothing
// runs in a chroot.
var postfixServices = []string{
	"pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr",
	"tlsmgr unix - - n 1000? 1 tlsmgr", "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce",
	"defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce", "verify unix - - n - 1 verify",
	"flush unix n - n 1000? 0 flush", "proxymap unix - - n - - proxymap", "smtp unix - - n - - smtp",
	"relay unix - - n - - smtp", "showq unix n - n - - showq", "error unix - - n - - error",
	"retry unix - - n - - error", "discard unix - - n - - discard", "virtual unix - n n - - virtual",
	"lmtp unix - - n - - lmtp", "anvil unix - - n - 1 anvil", "scache unix - - n - 1 scache",
	"tlsproxy unix - - n - 0 tlsproxy", "postlog unix-dgram n - n - 1 postlogd",
}

// Do runs one of Postfix's commands on this configuration and gives its output.
func (p *Postfix) Do(ctx context.Context, command string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, command, append([]string{"-c", p.Conf}, args...)...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w: %s", command, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// Stop ends the master whose process id stands in the queue, and what it
// started.
func (p *Postfix) Stop() error {
	_, err := p.Do(context.Background(), "postfix", "stop")
	return err
}

// Own gives a file or folder to a user of the system and its group.
func Own(path, name string) error {
	u, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return err
	}
	return os.Chown(path, uid, gid)
}
