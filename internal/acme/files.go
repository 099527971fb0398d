package acme

import (
	"context"
	"io/fs"
	"strings"

	"github.com/caddyserver/certmagic"

	"postroom/internal/mail"
	"postroom/internal/secret"
)

// FileStore keeps values by path (table acme_files).
type FileStore interface {
	LoadACMEFile(ctx context.Context, path string) ([]byte, error)
	StoreACMEFile(ctx context.Context, path string, sealed, fingerprint []byte) error
	DeleteACMEFiles(ctx context.Context, path string) error
	ACMEFiles(ctx context.Context, path string) ([]mail.ACMEFile, error)
}

// filesTable names the values to internal/secret.
const filesTable = "acme_files"

// files is certmagic's storage: every value is sealed for its path.
type files struct {
	store FileStore
	key   func(context.Context) (*secret.Key, error)
	open  func(table, row string, sealed []byte) ([]byte, error)
}

// Store implements certmagic.Storage.
func (f *files) Store(ctx context.Context, path string, value []byte) error {
	key, err := f.key(ctx)
	if err != nil {
		return err
	}
	return f.store.StoreACMEFile(ctx, path, key.Seal(filesTable, path, value), key.Fingerprint())
}

// Load implements certmagic.Storage.
func (f *files) Load(ctx context.Context, path string) ([]byte, error) {
	sealed, err := f.store.LoadACMEFile(ctx, path)
	if mail.Is(err, mail.CodeNotFound) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	return f.open(filesTable, path, sealed)
}

// Delete implements certmagic.Storage.
func (f *files) Delete(ctx context.Context, path string) error {
	return f.store.DeleteACMEFiles(ctx, path)
}

// Exists implements certmagic.Storage.
func (f *files) Exists(ctx context.Context, path string) bool {
	found, err := f.store.ACMEFiles(ctx, path)
	return err == nil && len(found) > 0
}

// List implements certmagic.Storage.
func (f *files) List(ctx context.Context, path string, recursive bool) ([]string, error) {
	found, err := f.store.ACMEFiles(ctx, path)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, x := range found {
		rest := strings.TrimPrefix(strings.TrimPrefix(x.Path, path), "/")
		if !recursive {
			rest, _, _ = strings.Cut(rest, "/")
		}
		full := strings.TrimPrefix(path+"/"+rest, "/")
		if rest != "" && (len(out) == 0 || out[len(out)-1] != full) {
			out = append(out, full)
		}
	}
	if len(found) == 0 {
		return nil, fs.ErrNotExist
	}
	return out, nil
}

// Stat implements certmagic.Storage.
func (f *files) Stat(ctx context.Context, path string) (certmagic.KeyInfo, error) {
	found, err := f.store.ACMEFiles(ctx, path)
	if err != nil {
		return certmagic.KeyInfo{}, err
	}
	for _, x := range found {
		if x.Path == path {
			return certmagic.KeyInfo{Key: path, Modified: x.UpdatedAt, IsTerminal: true}, nil
		}
	}
	if len(found) == 0 {
		return certmagic.KeyInfo{}, fs.ErrNotExist
	}
	return certmagic.KeyInfo{Key: path}, nil
}
