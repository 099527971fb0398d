// Command postroom is the mail server and its command line. One file per
// subcommand; package server wires the rooms.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"postroom/internal/mail"
)

// commands is the whole command line.
type commands struct {
	globals

	Serve        serveCmd        `cmd:"" help:"Run the mail server."`
	Check        checkCmd        `cmd:"" help:"Check settings, database, certificates, ports and DNS, or what the world sees of a domain; each finding with a hint."`
	Health       healthCmd       `cmd:"" help:"Exit 0 when the server here answers and reaches its database."`
	Migrate      migrateCmd      `cmd:"" help:"Bring the database to this version's schema."`
	Domain       domainCmd       `cmd:"" help:"Mail domains: add, list, show, limits, mta-sts, delete."`
	Account      accountCmd      `cmd:"" help:"Accounts: people and roles with a password and mailboxes."`
	Alias        aliasCmd        `cmd:"" help:"Aliases: addresses that lead to others; catch-alls."`
	Queue        queueCmd        `cmd:"" help:"Mail on its way out: list, show, retry, hold, release, delete."`
	Suppression  suppressionCmd  `cmd:"" help:"Recipients that do not exist, which submissions may not name: list, add, remove."`
	Sender       senderCmd       `cmd:"" help:"Whose mail is taken or refused: allow, block, list, remove."`
	Rejects      rejectsCmd      `cmd:"" help:"What was refused, junked or greylisted for an account; release it."`
	Search       searchCmd       `cmd:"" help:"The search index: how far it is; read PDF and office files again."`
	Smarthost    smarthostCmd    `cmd:"" help:"Relays that mail goes out through, for all or one destination."`
	Dkim         dkimCmd         `cmd:"" help:"A domain's DKIM keys: print their records, list, renew, retire."`
	Certificate  certificateCmd  `cmd:"" help:"TLS certificates: list, renew."`
	DNS          dnsCmd          `cmd:"" name:"dns" help:"Print the DNS records that a domain needs, as a table or a zone file."`
	Key          keyCmd          `cmd:"" help:"The master key: show its fingerprint, rotate it."`
	Trace        traceCmd        `cmd:"" help:"The timeline of a message, or of what fits a search."`
	Deliver      deliverCmd      `cmd:"" help:"File or send one message from stdin."`
	Purge        purgeCmd        `cmd:"" help:"Delete for good what is only kept for restoring; disk space comes back."`
	AfterRestore afterRestoreCmd `cmd:"" help:"After a database restore: new UIDVALIDITY everywhere, queue held for review."`
	Config       configCmd       `cmd:"" help:"Print the effective configuration and where each value comes from."`
	Version      versionCmd      `cmd:"" help:"Print the version."`
	Demo         demoCmd         `cmd:"" hidden:"" help:"Start a server on loopback ports with example.test and show mail flowing through it."`
}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		cancel() // a second signal ends the process at once
	}()
	// Who reads our output may go away (| head, a log collector): that must end
	// neither a server nor a command that still has a PostgreSQL to stop.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	code := run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	cancel()
	os.Exit(code)
}

// streams are a command's files; tests give buffers.
type streams struct {
	in       io.Reader
	out, err io.Writer
	environ  []string // nil: the process's
}

func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// exitCode ends kong's parser early (after --help) without ending a test.
type exitCode int

// run parses args, runs one command and gives the exit status: 0 done, 1
// failed, 2 wrong usage.
func run(ctx context.Context, args []string, s streams) (code int) {
	defer func() {
		if r := recover(); r != nil {
			c, ok := r.(exitCode)
			if !ok {
				panic(r)
			}
			code = int(c)
		}
	}()
	var cmds commands
	parser, err := kong.New(&cmds, kong.Name("postroom"),
		kong.Description("A mail server: SMTP and IMAP on PostgreSQL."),
		kong.Writers(s.out, s.err), kong.Exit(func(c int) { panic(exitCode(c)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}), kong.UsageOnError())
	if err != nil {
		return s.report(err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		s.report(err)
		fmt.Fprintf(s.err, "postroom: hint: %s --help\n", usageOf(err))
		return 2
	}
	e := &env{ctx: ctx, streams: s, globals: cmds.globals, terminal: isTerminal(s.out), colours: s.colourful(s.out)}
	defer e.close()
	if err := parsed.Run(e); err != nil {
		return s.report(err)
	}
	return 0
}

// usageOf names the command whose help tells how to write it.
func usageOf(err error) string {
	var p *kong.ParseError
	if errors.As(err, &p) && p.Context != nil {
		if n := p.Context.Selected(); n != nil {
			return n.FullPath()
		}
	}
	return "postroom"
}

// report prints an error with its hint, and gives the exit status.
func (s streams) report(err error) int {
	if errors.Is(err, errSilent) {
		return 1
	}
	on := s.colourful(s.err)
	fmt.Fprintf(s.err, "postroom: %s %v\n", red.in("error:", on), err)
	var e *mail.Error
	if errors.As(err, &e) && e.Hint != "" {
		fmt.Fprintf(s.err, "postroom: %s %s\n", cyan.in("hint:", on), e.Hint)
	}
	return 1
}

// errSilent fails a command that has said everything already.
var errSilent = errors.New("failed")
