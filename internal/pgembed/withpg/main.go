// Command withpg runs another command with a throw-away PostgreSQL of its own:
// POSTROOM_TEST_DATABASE_URL names it, and it is gone when the command ends.
//
//	withpg go test ./...
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"postroom/internal/mail"
	"postroom/internal/pgembed"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: withpg COMMAND [ARG…]")
		return 2
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	pg, err := pgembed.StartTemporary(context.Background(), nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, "postroom: error:", err)
		var e *mail.Error
		if errors.As(err, &e) && e.Hint != "" {
			fmt.Fprintln(os.Stderr, "postroom: hint:", e.Hint)
		}
		return 1
	}
	defer pg.Stop(context.Background())
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "POSTROOM_TEST_DATABASE_URL="+pg.URL)
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "postroom: error:", err)
		return 127
	}
	go func() {
		for s := range signals {
			cmd.Process.Signal(s)
		}
	}()
	if err := cmd.Wait(); err != nil {
		if code := cmd.ProcessState.ExitCode(); code > 0 {
			return code
		}
		return 1
	}
	return 0
}
