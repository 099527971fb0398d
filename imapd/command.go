package imapd

import (
	"context"
	"errors"
	"time"

	"postroom/imapd/wire"
)

// command is a row of the command table.
type command struct {
	name   string
	states state
	// noExpunge: while this command runs no EXPUNGE may be sent, since its
	// sequence numbers would move under the client (RFC 9051 §7.5.1).
	noExpunge bool
	// streams: its literals are read as they come, not collected.
	streams bool
	// capability is what the command belongs to, where it can be off: of several
	// each brings it. "": the command is always there.
	capability string
	run        func(context.Context, *session, *wire.Decoder) (reply, error)
}

// reply completes the tagged OK; the zero reply says "<NAME> completed".
type reply struct{ code, text string }

// commands is THE table: every command there is. "UID X" are commands of
// their own.
var commands map[string]*command

func init() {
	commands = map[string]*command{}
	for _, c := range []command{
		{name: "CAPABILITY", states: anyState, run: row(noArguments, runCapability)},
		{name: "NOOP", states: anyState, run: row(noArguments, runNoop)},
		{name: "LOGOUT", states: anyState, run: row(noArguments, runLogout)},
		{name: "ID", states: anyState, capability: "ID", run: row(parseID, runID)},
		{name: "STARTTLS", states: beforeLog, run: row(noArguments, runStartTLS)},
		{name: "LOGIN", states: beforeLog, run: row(parseLogin, runLogin)},
		{name: "AUTHENTICATE", states: beforeLog, run: row(parseAuthenticate, runAuthenticate)},
		{name: "UNAUTHENTICATE", states: loggedIn, capability: "UNAUTHENTICATE", run: row(noArguments, runUnauthenticate)},
		{name: "ENABLE", states: loggedIn, capability: "ENABLE", run: row(parseEnable, runEnable)},
		{name: "COMPRESS", states: loggedIn, capability: "COMPRESS=DEFLATE", run: row(parseCompress, runCompress)},
		{name: "NAMESPACE", states: loggedIn, capability: "NAMESPACE", run: row(noArguments, runNamespace)},
		{name: "SELECT", states: loggedIn, run: row(parseSelect, runSelect)},
		{name: "EXAMINE", states: loggedIn, run: row(parseSelect, runExamine)},
		{name: "CREATE", states: loggedIn, run: row(parseCreate, runCreate)},
		{name: "DELETE", states: loggedIn, run: row(parseGivenName, runDelete)},
		{name: "RENAME", states: loggedIn, run: row(parseRename, runRename)},
		{name: "SUBSCRIBE", states: loggedIn, run: row(parseMailbox, runSubscribe)},
		{name: "UNSUBSCRIBE", states: loggedIn, run: row(parseMailbox, runUnsubscribe)},
		{name: "LIST", states: loggedIn, run: row(parseList, runList)},
		{name: "LSUB", states: loggedIn, run: row(parseLsub, runLsub)},
		{name: "STATUS", states: loggedIn, run: row(parseStatus, runStatus)},
		{name: "APPEND", states: loggedIn, streams: true, run: runAppend},
		{name: "IDLE", states: loggedIn, capability: "IDLE", run: row(noArguments, runIdle)},
		{name: "GETQUOTA", states: loggedIn, capability: "QUOTA", run: row(parseQuotaRoot, runGetQuota)},
		{name: "GETQUOTAROOT", states: loggedIn, capability: "QUOTA", run: row(parseMailbox, runGetQuotaRoot)},
		{name: "SETQUOTA", states: loggedIn, capability: "QUOTASET", run: row(parseSetQuota, runSetQuota)},
		{name: "SETACL", states: loggedIn, capability: "ACL", run: row(parseSetACL, runSetACL)},
		{name: "DELETEACL", states: loggedIn, capability: "ACL", run: row(parseIdentifier, runDeleteACL)},
		{name: "GETACL", states: loggedIn, capability: "ACL", run: row(parseMailbox, runGetACL)},
		{name: "LISTRIGHTS", states: loggedIn, capability: "ACL", run: row(parseIdentifier, runListRights)},
		{name: "MYRIGHTS", states: loggedIn, capability: "ACL", run: row(parseMailbox, runMyRights)},
		{name: "GETMETADATA", states: loggedIn, capability: "METADATA", run: row(parseGetMetadata, runGetMetadata)},
		{name: "SETMETADATA", states: loggedIn, capability: "METADATA", run: row(parseSetMetadata, runSetMetadata)},
		{name: "NOTIFY", states: loggedIn, capability: "NOTIFY", run: row(parseNotify, runNotify)},
		{name: "ESEARCH", states: loggedIn, capability: "MULTISEARCH", run: row(parseESearch, runESearch)},
		{name: "CHECK", states: selected, run: row(noArguments, runNoop)},
		{name: "CLOSE", states: selected, run: row(noArguments, runClose)},
		{name: "UNSELECT", states: selected, capability: "UNSELECT", run: row(noArguments, runUnselect)},
		{name: "EXPUNGE", states: selected, run: row(noArguments, runExpunge)},
		{name: "UID EXPUNGE", states: selected, capability: "UIDPLUS", run: row(parseUIDExpunge, runUIDExpunge)},
		{name: "SEARCH", states: selected, noExpunge: true, run: row(parseSearch, runSearch)},
		{name: "UID SEARCH", states: selected, run: row(parseSearch, runUIDSearch)},
		{name: "SORT", states: selected, capability: "SORT", noExpunge: true, run: row(parseSort, runSort)},
		{name: "UID SORT", states: selected, capability: "SORT", run: row(parseSort, runUIDSort)},
		{name: "THREAD", states: selected, capability: "THREAD=ORDEREDSUBJECT THREAD=REFERENCES THREAD=REFS", noExpunge: true, run: row(parseThread, runThread)},
		{name: "UID THREAD", states: selected, capability: "THREAD=ORDEREDSUBJECT THREAD=REFERENCES THREAD=REFS", run: row(parseThread, runUIDThread)},
		{name: "CANCELUPDATE", states: selected, capability: "CONTEXT=SEARCH CONTEXT=SORT", run: row(parseCancelUpdate, runCancelUpdate)},
		{name: "FETCH", states: selected, noExpunge: true, run: row(parseFetch, runFetch)},
		{name: "UID FETCH", states: selected, run: row(parseFetch, runUIDFetch)},
		{name: "STORE", states: selected, noExpunge: true, run: row(parseStore, runStore)},
		{name: "UID STORE", states: selected, run: row(parseStore, runUIDStore)},
		{name: "COPY", states: selected, run: row(parseCopy, runCopy)},
		{name: "UID COPY", states: selected, run: row(parseCopy, runUIDCopy)},
		{name: "MOVE", states: selected, capability: "MOVE", run: row(parseCopy, runMove)},
		{name: "REPLACE", states: selected, capability: "REPLACE", streams: true, run: runReplace},
		{name: "UID REPLACE", states: selected, capability: "REPLACE", streams: true, run: runUIDReplace},
		{name: "UID MOVE", states: selected, capability: "MOVE", run: row(parseCopy, runUIDMove)},
	} {
		commands[c.name] = &c
	}
}

// row joins a parser, which only reads, with a runner, which only acts.
func row[A any](parse func(*session, *wire.Decoder) A, run func(context.Context, *session, A) (reply, error)) func(context.Context, *session, *wire.Decoder) (reply, error) {
	return func(ctx context.Context, s *session, d *wire.Decoder) (reply, error) {
		args := parse(s, d)
		d.End()
		if err := d.Err(); err != nil {
			return reply{}, err
		}
		return run(ctx, s, args)
	}
}

func noArguments(*session, *wire.Decoder) struct{} { return struct{}{} }

// streamsLiterals looks at the octets of an unfinished command.
func streamsLiterals(prefix []byte) bool {
	d := wire.NewDecoder(prefix, nil)
	_, name := commandName(d)
	c := commands[name]
	return d.Err() == nil && c != nil && c.streams
}

// commandName parses
//
//	command = tag SP ("UID" SP name / name) …
func commandName(d *wire.Decoder) (tag, name string) {
	tag = d.Tag()
	d.SP()
	name = d.Word()
	if name == "UID" {
		d.SP()
		name += " " + d.Word()
	}
	return tag, name
}

// command runs one framed command and writes its tagged reply, unless it is IDLE;
// frameErr tells why the framer refused it. An error ends the session.
func (s *session) command(ctx context.Context, line []byte, frameErr error) error {
	d := wire.NewDecoder(line, s.in)
	// Deviation: RFC 6855 §3 lets clients send UTF-8 in quoted strings only
	// after ENABLE. Several do it before; nothing else could be meant.
	d.UTF8 = true
	tag, name := commandName(d)
	s.tag = tag
	s.progress = progress{tag: tag, told: time.Now()}
	s.ahead.turn()
	rep, err := s.dispatch(ctx, d, tag, name, frameErr)
	if err == errIdling {
		return nil
	}
	return s.complete(tag, name, rep, err)
}

// complete ends a command with its tagged reply. An error ends the session.
func (s *session) complete(tag, name string, rep reply, err error) error {
	s.progress = progress{}
	if fatal(err) || s.enc.Err() != nil {
		return errors.Join(err, s.enc.Err())
	}
	if ferr := s.in.Finish(s.skipLimit()); ferr != nil {
		if ferr == wire.ErrFrame && err != nil {
			s.tagged(tag, name, rep, err)
		}
		return ferr
	}
	return s.tagged(tag, name, rep, err)
}

// skipLimit: a refused APPEND is read and dropped up to the size of a message.
func (s *session) skipLimit() int64 {
	if s.state&loggedIn == 0 {
		return limitBeforeLogin
	}
	return s.srv.MaxMessageSize
}

func (s *session) dispatch(ctx context.Context, d *wire.Decoder, tag, name string, frameErr error) (reply, error) {
	if tag == "" {
		return reply{}, bad("a command begins with a tag")
	}
	if frameErr != nil {
		return reply{}, &failure{kind: "BAD", code: "TOOBIG", text: frameErr.Error()}
	}
	if name == "" {
		return reply{}, bad("a command follows its tag")
	}
	c := commands[name]
	if c == nil || s.lacks(c) {
		return reply{}, bad("unknown command")
	}
	if c.states&s.state == 0 {
		return reply{}, s.wrongState(c)
	}
	if s.has(featureUIDOnly) && c.numbered() {
		return reply{}, uidRequired()
	}
	// A command without arguments has no space after its name.
	if !d.AtEnd() {
		d.SP()
		if d.AtEnd() {
			return reply{}, bad("space at the end of the command")
		}
	}
	s.noteBefore(name)
	s.holdsNumbers, s.limited = false, 0
	rep, err := c.run(ctx, s, d)
	if err == errIdling {
		return rep, err
	}
	return s.after(ctx, c, rep, err)
}

// after tells what is new behind a command that ran with rep and err.
func (s *session) after(ctx context.Context, c *command, rep reply, err error) (reply, error) {
	if fatal(err) {
		return rep, err
	}
	s.tellMetadata(ctx)
	if s.sel != nil && !s.notify.tellsAfter(c.name) {
		s.tellLag(s.sel.stale)
	} else if s.sel != nil {
		uerr := s.update(ctx, !c.noExpunge && !s.holdsNumbers)
		if fatal(uerr) {
			return rep, uerr
		}
		s.tellLag(uerr != nil)
		s.sel.beside = s.sel.beside && c.name != "NOOP"
		if uerr != nil && err == nil {
			// The command itself is done; the next one looks again.
			s.logInternal("mailbox update", uerr)
		}
	}
	if (c.noExpunge || s.holdsNumbers) && s.notify.immediate() {
		s.conn.wake() // what this command held back comes right behind it
	}
	return rep, err
}

func (s *session) wrongState(c *command) error {
	switch {
	case s.state == notAuthenticated:
		return bad("log in first")
	case c.states == beforeLog:
		return bad("already logged in")
	}
	return bad("no mailbox is selected")
}

// tagged writes the tagged reply; an error ends the session.
func (s *session) tagged(tag, name string, rep reply, err error) error {
	if tag == "" {
		tag = "*"
	}
	if err == errReplied {
		return nil
	}
	rep = s.limitReply(rep, err)
	if err == nil {
		s.errors = 0
		if rep.text == "" {
			rep.text = name + " completed"
		}
		s.enc.Raw(tag, " OK ", bracket(rep.code), rep.text, "\r\n")
		return nil
	}
	f := s.failureOf(name, err)
	s.enc.Raw(tag, " ", f.kind, " ", bracket(f.code), f.text, "\r\n")
	limit := maxErrorsAfterLogin
	if s.state == notAuthenticated {
		limit = maxErrorsBeforeLogin
	}
	if f.kind != "BAD" {
		return nil
	}
	if s.errors++; s.errors > limit {
		return s.bye("", "too many errors")
	}
	return nil
}

// errReplied says that the command wrote its own tagged reply.
var errReplied = errors.New("replied")

func bracket(code string) string {
	if code == "" {
		return ""
	}
	return "[" + code + "] "
}
