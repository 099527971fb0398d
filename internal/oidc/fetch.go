package oidc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	fetchTime = 5 * time.Second
	maxAnswer = 1 << 20 // octets of metadata, or of keys
	// fetchEvery bounds how often one URL is asked: a token with a made-up key
	// id asks for fresh keys.
	fetchEvery = 10 * time.Second
	maxURLs    = 8 // of one issuer: metadata, keys, and where they redirect to
)

var (
	// errFetch marks that the issuer could not be asked.
	errFetch = errors.New("the issuer's answer cannot be had")
	// errAgain marks one of the last ten seconds, told once more.
	errAgain = fmt.Errorf("%w, asked a moment ago", errFetch)
)

// transport bounds what goes over the wire: only GET over TLS, only
// so much, and an answer, good or bad, is good for fetchEvery.
type transport struct {
	next http.RoundTripper
	now  func() time.Time

	mu   sync.Mutex
	last map[string]answer
}

type answer struct {
	at     time.Time
	header http.Header
	status int
	body   []byte
	err    error
}

func newClient(next http.RoundTripper, now func() time.Time) *http.Client {
	return &http.Client{Transport: &transport{next: next, now: now, last: map[string]answer{}}, Timeout: fetchTime}
}

// RoundTrip is http.RoundTripper's. One fetch runs at a time.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" || r.Method != http.MethodGet {
		return nil, fmt.Errorf("%w: %s is not https", errFetch, r.URL.Redacted())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := r.URL.String()
	a, ok := t.last[key]
	if !ok || t.now().Sub(a.at) >= fetchEvery {
		if len(t.last) >= maxURLs {
			clear(t.last)
		}
		a = t.fetch(r)
		t.last[key] = a
	} else if a.err != nil {
		a.err = errAgain
	}
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{StatusCode: a.status, Status: http.StatusText(a.status), Header: a.header, Request: r,
		Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}, nil
}

func (t *transport) fetch(r *http.Request) answer {
	a := answer{at: t.now()}
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		a.err = fmt.Errorf("%w: %w", errFetch, err)
		return a
	}
	defer resp.Body.Close()
	a.header, a.status = resp.Header, resp.StatusCode
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		a.err = fmt.Errorf("%w: %w", errFetch, err)
	case len(a.body) > maxAnswer:
		a.err = fmt.Errorf("%w: more than %d octets", errFetch, maxAnswer)
	case a.status >= 400:
		a.err = fmt.Errorf("%w: %s", errFetch, resp.Status)
	case a.status == http.StatusOK && !json.Valid(a.body):
		a.err = fmt.Errorf("%w: it is no JSON", errFetch)
	}
	return a
}
