package delivery

import (
	"context"
	"crypto"
	"crypto/x509"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"postroom/internal/mail"
	"postroom/internal/message"
)

// Signer gives the keys that sign for a domain, an A-label; none when the
// domain is not to be signed for.
type Signer interface {
	SigningKeys(ctx context.Context, domain string) ([]SigningKey, error)
}

// SigningKey is one opened DKIM key.
type SigningKey struct {
	Selector string
	Key      crypto.Signer // *rsa.PrivateKey or ed25519.PrivateKey
}

// KeyRing opens a store's sealed keys and keeps them for a minute, so that a
// rotated key is used soon and a message costs no look-up.
type KeyRing struct {
	load func(ctx context.Context, domain string) ([]mail.DKIMKey, error)
	open func(table, row string, sealed []byte) ([]byte, error)
	now  func() time.Time

	mu   sync.Mutex
	kept map[string]keptKeys
}

type keptKeys struct {
	keys  []SigningKey
	until time.Time
}

const keyAge = time.Minute

// NewKeyRing works on store.SigningKeys and secret.Key.Open. now may be nil.
func NewKeyRing(load func(ctx context.Context, domain string) ([]mail.DKIMKey, error),
	open func(table, row string, sealed []byte) ([]byte, error), now func() time.Time) *KeyRing {
	if now == nil {
		now = time.Now
	}
	return &KeyRing{load: load, open: open, now: now, kept: map[string]keptKeys{}}
}

// SigningKeys implements Signer.
func (k *KeyRing) SigningKeys(ctx context.Context, domain string) ([]SigningKey, error) {
	now := k.now()
	k.mu.Lock()
	kept, ok := k.kept[domain]
	k.mu.Unlock()
	if ok && now.Before(kept.until) {
		return kept.keys, nil
	}
	records, err := k.load(ctx, domain)
	if err != nil {
		return nil, err
	}
	var keys []SigningKey
	for _, r := range records {
		der, err := k.open("domain_keys", r.SecretRow(), r.Sealed)
		if err != nil {
			return nil, mail.Wrap(mail.CodeUnavailable, err, "the DKIM key of "+domain+" cannot be opened")
		}
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		signer, ok := parsed.(crypto.Signer)
		if err != nil || !ok {
			return nil, mail.Wrap(mail.CodeInternal, err, "the DKIM key of "+domain+" cannot be read")
		}
		keys = append(keys, SigningKey{r.Selector, signer})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept[domain] = keptKeys{keys, now.Add(keyAge)}
	return keys, nil
}

// signed are the fields that a signature covers where they stand (RFC 6376
// §5.4.1); those marked are covered once more than they stand, so that nobody
// can add another in front (§8.15).
var signed = []struct {
	name string
	over bool
}{
	{"From", true}, {"Sender", true}, {"Reply-To", true}, {"To", true}, {"Cc", true}, {"Subject", true}, {"Date", true},
	{"Message-ID", true}, {"In-Reply-To", true}, {"References", true}, {"MIME-Version", true}, {"Content-Type", true},
	{"Content-Transfer-Encoding", true}, {"Content-Disposition", false}, {"List-Id", false}, {"List-Unsubscribe", false},
	{"List-Unsubscribe-Post", false}, {"Auto-Submitted", false},
}

func signedKeys(header []byte) []string {
	count := map[string]int{}
	for f := range message.Fields(header) {
		count[strings.ToLower(string(f.Name))]++
	}
	var out []string
	for _, s := range signed {
		n := count[strings.ToLower(s.name)]
		if s.over {
			n++
		}
		for range n {
			out = append(out, s.name)
		}
	}
	return out
}

// sign gives the DKIM-Signature fields over header and what body gives behind
// it; both algorithms in one pass (RFC 8463 §3 keeps RSA beside Ed25519).
// whole is the message from its first field on.
func sign(keys []SigningKey, domain string, header []byte, whole io.Reader) (string, error) {
	names := signedKeys(header)
	var signers []*dkim.Signer
	var writers []io.Writer
	defer func() {
		for _, s := range signers {
			_ = s.Close()
		}
	}()
	for _, k := range keys {
		s, err := dkim.NewSigner(&dkim.SignOptions{Domain: domain, Selector: k.Selector, Signer: k.Key,
			HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed, HeaderKeys: names})
		if err != nil {
			return "", err
		}
		signers, writers = append(signers, s), append(writers, s)
	}
	if _, err := io.Copy(io.MultiWriter(writers...), whole); err != nil {
		return "", err
	}
	var out strings.Builder
	for len(signers) > 0 {
		s := signers[0]
		signers = signers[1:]
		if err := s.Close(); err != nil {
			return "", err
		}
		out.WriteString(s.Signature())
	}
	return out.String(), nil
}
