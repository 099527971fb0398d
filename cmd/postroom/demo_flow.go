package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"postroom/cmd/postroom/server"
	"postroom/internal/mail"
)

// demoWait bounds each step of the flow.
const demoWait = 30 * time.Second

// demoFlow sends messages as a mail program does and looks for what arrives.
type demoFlow struct {
	e       *env
	srv     *server.Server
	people  []demoPerson
	outside *outside
}

// demoMessage makes a message that says who it is, with octets beyond ASCII
// and lines that begin with a dot.
func demoMessage(from, to string) (id string, octets []byte) {
	id = fmt.Sprintf("<%s@%s>", rand.Text()[:16], demoDomain)
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: <%s>\r\nTo: <%s>\r\nSubject: The whole flow\r\nDate: %s\r\nMessage-ID: %s\r\n", from, to,
		time.Now().Format(time.RFC1123Z), id)
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
		"Grüße from the demo.\r\n.\r\n..\r\nA line that ends with a space \r\n\r\n")
	return id, b.Bytes()
}

// clientTLS trusts the demo's own certificate and no other.
func (f demoFlow) clientTLS() (*tls.Config, error) {
	raw, err := os.ReadFile(f.srv.CAFile())
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, errors.New(f.srv.CAFile() + " holds no certificate")
	}
	return &tls.Config{RootCAs: pool, ServerName: f.e.cfg.Hostname}, nil
}

// submit sends a message as the first person, over TLS with a password, and
// gives the queue id of the 250 reply.
func (f demoFlow) submit(to string, octets []byte) (id string, err error) {
	cfg, err := f.clientTLS()
	if err != nil {
		return "", err
	}
	c, err := smtp.DialTLS(f.srv.Addresses()["submissions"][0], cfg)
	if err != nil {
		return "", fmt.Errorf("submission: %w", err)
	}
	defer c.Close()
	from := f.people[0]
	for _, step := range []func() error{
		func() error { return c.Auth(sasl.NewPlainClient("", from.Address, from.Password)) },
		func() error { return c.Mail(from.Address, &smtp.MailOptions{Size: int64(len(octets))}) },
		func() error { return c.Rcpt(to, nil) },
	} {
		if err := step(); err != nil {
			return "", fmt.Errorf("submission: %w", err)
		}
	}
	w, err := c.Data()
	if err != nil {
		return "", fmt.Errorf("submission: %w", err)
	}
	if _, err := w.Write(octets); err != nil {
		return "", fmt.Errorf("submission: %w", err)
	}
	reply, err := w.CloseWithResponse()
	if err != nil {
		return "", fmt.Errorf("submission: %w", err)
	}
	for _, word := range strings.Fields(reply.StatusText) {
		if _, err := mail.ParseTraceID(word); err == nil {
			return word, c.Quit()
		}
	}
	return "", fmt.Errorf("submission: the reply names no queue id: %s", reply.StatusText)
}

// local sends to the second person and fetches by IMAP what arrived.
func (f demoFlow) local() error {
	to := f.people[1]
	id, octets := demoMessage(f.people[0].Address, to.Address)
	began := time.Now()
	trace, err := f.submit(to.Address, octets)
	if err != nil {
		return err
	}
	accepted := time.Since(began)
	got, err := f.fetch(to, id)
	if err != nil {
		return err
	}
	fmt.Fprintf(f.e.out, "\n%s -> %s: accepted after %s, fetched by IMAP after %s\n", f.people[0].Address, to.Address,
		milliseconds(accepted), milliseconds(time.Since(began)))
	return f.finish(trace, octets, got)
}

// relayed sends to somebody outside and looks at what the outside server got.
func (f demoFlow) relayed() error {
	to := "carol@" + outsideDomain
	id, octets := demoMessage(f.people[0].Address, to)
	began := time.Now()
	trace, err := f.submit(to, octets)
	if err != nil {
		return err
	}
	accepted := time.Since(began)
	ctx, cancel := context.WithTimeout(f.e.ctx, demoWait)
	defer cancel()
	got, err := f.outside.wait(ctx, id)
	if err != nil {
		return err
	}
	fmt.Fprintf(f.e.out, "\n%s -> %s: accepted after %s, at the outside server after %s\n", f.people[0].Address, to,
		milliseconds(accepted), milliseconds(time.Since(began)))
	if err := f.untilSettled(ctx, trace); err != nil {
		return err
	}
	return f.finish(trace, octets, got)
}

// finish prints the timeline and compares: what was sent stands, octet for
// octet, after the trace lines that each hop puts in front.
func (f demoFlow) finish(trace string, sent, got []byte) error {
	events, err := f.srv.Admin().Trace(f.e.ctx, trace)
	if err != nil {
		return err
	}
	f.e.printTimeline(events)
	if !bytes.HasSuffix(got, sent) {
		return mail.Errorf(mail.CodeInternal, "the message %s did not arrive octet for octet: %d sent, %d arrived", trace, len(sent), len(got))
	}
	fmt.Fprintf(f.e.out, "  arrived octet for octet: %d octets after %d of trace fields\n", len(sent), len(got)-len(sent))
	return nil
}

// untilSettled waits until the queue has written what the outside server said.
func (f demoFlow) untilSettled(ctx context.Context, trace string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		events, err := f.srv.Admin().Trace(ctx, trace)
		if err != nil {
			return err
		}
		for _, ev := range events {
			if ev.Kind == string(mail.EventDelivered) {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("the delivery was not settled in time")
		case <-tick.C:
		}
	}
}

// fetch looks for a message in the INBOX of p until it is there.
func (f demoFlow) fetch(p demoPerson, id string) ([]byte, error) {
	cfg, err := f.clientTLS()
	if err != nil {
		return nil, err
	}
	c, err := imapclient.DialTLS(f.srv.Addresses()["imaps"][0], &imapclient.Options{TLSConfig: cfg})
	if err != nil {
		return nil, fmt.Errorf("IMAP: %w", err)
	}
	defer c.Close()
	if err := c.Login(p.Address, p.Password).Wait(); err != nil {
		return nil, fmt.Errorf("IMAP log-in: %w", err)
	}
	if _, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		return nil, fmt.Errorf("IMAP SELECT: %w", err)
	}
	criteria := &imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "Message-ID", Value: id}}}
	for deadline := time.Now().Add(demoWait); ; {
		found, err := c.UIDSearch(criteria, nil).Wait()
		if err != nil {
			return nil, fmt.Errorf("IMAP SEARCH: %w", err)
		}
		if uids := found.AllUIDs(); len(uids) > 0 {
			section := &imap.FetchItemBodySection{Peek: true}
			messages, err := c.Fetch(imap.UIDSetNum(uids[0]), &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{section}}).Collect()
			if err != nil || len(messages) != 1 {
				return nil, errors.Join(errors.New("IMAP FETCH failed"), err)
			}
			return messages[0].FindBodySection(section), nil
		}
		if time.Now().After(deadline) || f.e.ctx.Err() != nil {
			return nil, errors.New("the message did not appear in the mailbox in time")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
