package smtpd

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"postroom/internal/auth"
	"postroom/internal/mail"
	"postroom/internal/sasl"
	"postroom/internal/spool"
)

// recorder is a Backend that keeps what it gets. example.test is its domain,
// with alice and bob; full is over quota, grey is greylisted, listed refuses the
// peer. Outside, gone is suppressed, third is
// one too many, and a message to over is.
type recorder struct {
	mu        sync.Mutex
	messages  []recorded
	discard   bool         // keep no octets
	spool     *spool.Spool // when set: takes the octets too, and may be full
	open      int          // messages begun and neither committed nor discarded
	beginErr  error
	writeErr  error
	commitErr error
	inCommit  chan struct{} // when set: receives at Commit, which then waits for release
	release   chan struct{}
}

type recorded struct {
	env     mail.Envelope
	session mail.Session
	octets  string // "" beyond maxKept
	size    int
}

// maxKept is how large a message is kept, octets.
const maxKept = 64 << 10

func (b *recorder) CheckSender(_ context.Context, s *mail.Session, e *mail.Envelope) error {
	if s.Role == mail.RoleSubmission && e.From.String() != "alice@example.test" {
		return mail.Errorf(mail.CodeSenderDenied, "not your address")
	}
	if e.From.Local == "panic" {
		panic("a defect in the backend")
	}
	return nil
}

func (b *recorder) CheckRecipient(_ context.Context, s *mail.Session, _ *mail.Envelope, r mail.Recipient) error {
	a := r.Address
	switch {
	case a.Local == "gone":
		return mail.Errorf(mail.CodeSuppressed, "gone@elsewhere.example is not written to until 2 Jan 2027: 550 5.1.1 no such user; an administrator can lift this")
	case a.Local == "third":
		return mail.Errorf(mail.CodeTooMany, "a message of this account may have 2 recipients")
	case a.Domain != "example.test" && a.Domain != "xn--bcher-kva.example" && a.Domain != "mx.example.test":
		if s.Role == mail.RoleSubmission {
			return nil
		}
		return mail.Errorf(mail.CodeRelayDenied, "relaying denied")
	case a.Local == "full":
		return mail.Errorf(mail.CodeOverQuota, "mailbox full")
	case a.Local == "grey":
		return mail.Errorf(mail.CodeDeferred, "try again in 120 s: its address has no name")
	case a.Local == "listed":
		return mail.Errorf(mail.CodePolicy, "192.0.2.1 is listed by bl.example (see there); have it removed there, or write to postmaster@mx.example.test")
	case a.Local == "down":
		return mail.Wrap(mail.CodeUnavailable, fmt.Errorf("SELECT 1 failed in /var/lib"), "try again later")
	case strings.HasPrefix(a.Local, "no"):
		return mail.Errorf(mail.CodeNoSuchUser, "no such user here")
	}
	return nil
}

func (b *recorder) Begin(_ context.Context, s *mail.Session, e *mail.Envelope) (Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.beginErr != nil {
		return nil, b.beginErr
	}
	if e.Recipients[0].Address.Local == "over" {
		return nil, mail.Errorf(mail.CodeSendLimit, "over the account's limit of 100 messages an hour, try again later")
	}
	b.open++
	env := *e
	env.Recipients = append([]mail.Recipient(nil), e.Recipients...)
	m := &recording{b: b, r: recorded{env: env, session: *s}}
	if b.spool != nil {
		m.spooled = b.spool.Begin(nil, 0)
	}
	return m, nil
}

type recording struct {
	b        *recorder
	r        recorded
	buf      bytes.Buffer
	spooled  *spool.Writer
	spoolErr error // told at Commit, as package delivery does
	done     bool
}

func (m *recording) Write(p []byte) (int, error) {
	if m.spooled != nil && m.spoolErr == nil {
		_, m.spoolErr = m.spooled.Write(p)
	}
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	if m.b.writeErr != nil {
		return 0, m.b.writeErr
	}
	m.r.size += len(p)
	if m.b.discard || m.r.size > maxKept {
		m.buf = bytes.Buffer{}
		return len(p), nil
	}
	return m.buf.Write(p)
}

// finish parses what was spooled, and frees it.
func (m *recording) finish() error {
	if m.spooled == nil || m.spoolErr != nil {
		return m.spoolErr
	}
	whole, err := m.spooled.Finish()
	if err != nil {
		return err
	}
	whole.Discard()
	return nil
}

func (m *recording) Commit(ctx context.Context) (mail.Delivered, error) {
	m.b.mu.Lock()
	inCommit, release := m.b.inCommit, m.b.release
	m.b.mu.Unlock()
	if inCommit != nil {
		inCommit <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
			return mail.Delivered{}, mail.Wrap(mail.CodeUnavailable, ctx.Err(), "try again later")
		}
	}
	if err := m.finish(); err != nil {
		return mail.Delivered{}, err
	}
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	if m.b.commitErr != nil {
		return mail.Delivered{}, m.b.commitErr
	}
	m.r.octets = m.buf.String()
	m.b.messages = append(m.b.messages, m.r)
	m.close()
	return mail.Delivered{Trace: mail.TraceID(len(m.b.messages))}, nil
}

func (m *recording) Discard() {
	if m.spooled != nil {
		m.spooled.Discard()
	}
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	m.close()
}

func (m *recording) close() {
	if !m.done {
		m.done = true
		m.b.open--
	}
}

// hold makes Commit wait: it sends to inCommit, then receives from release.
func (b *recorder) hold() (inCommit <-chan struct{}, release chan<- struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inCommit, b.release = make(chan struct{}), make(chan struct{})
	return b.inCommit, b.release
}

func (b *recorder) all() []recorded {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]recorded(nil), b.messages...)
}

// from gives the messages of the clients with these addresses.
func (b *recorder) from(peers map[netip.AddrPort]bool) []recorded {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []recorded
	for _, m := range b.messages {
		if peers[m.session.Peer] {
			found = append(found, m)
		}
	}
	return found
}

// forget drops them.
func (b *recorder) forget(peers map[netip.AddrPort]bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = slices.DeleteFunc(b.messages, func(m recorded) bool { return peers[m.session.Peer] })
}

func (b *recorder) forgetAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = nil
}

func (b *recorder) stillOpen() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}

const secret = "s3cret-password"

// verifier knows alice and her password, without hashing.
type verifier struct{ sasl.Authenticator }

func (verifier) OffersScram() bool { return true }

func (verifier) TokenDiscovery() string { return "" }

func (verifier) Password(_ context.Context, login, password string, _ netip.Addr) (auth.Identity, error) {
	switch {
	case login == "busy@example.test":
		return auth.Identity{}, mail.Errorf(mail.CodeThrottled, "too many failed log-ins")
	case login == "alice@example.test" && password == secret:
		return auth.Identity{Account: 7, Credential: 1, Login: login}, nil
	}
	return auth.Identity{}, mail.Errorf(mail.CodeBadCredentials, "authentication failed")
}
