package secret

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The neighbours of the key file while a rotation is under way: the new key is
// written beside the old one before the database is changed, and the old one
// is kept afterwards, since older dumps need it.
const (
	nextSuffix     = ".next"
	previousSuffix = ".previous"
)

// LoadOrCreate reads the master key from env when that is not empty (the value
// itself, as ParseKey reads it), else from the file at path; when there is no
// such file, it makes one with mode 0600. Two that start at once get the same
// key.
func LoadOrCreate(path, env string) (key *Key, created bool, err error) {
	key, err = Load(path, env)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	key, err = NewKey()
	if err != nil {
		return nil, false, err
	}
	tmp, err := writeTemp(path, key)
	if err != nil {
		return nil, false, err
	}
	defer os.Remove(tmp)
	// A link, unlike a rename, does not replace what another start just made.
	switch err := os.Link(tmp, path); {
	case errors.Is(err, fs.ErrExist):
		key, err := Load(path, "")
		return key, false, err
	case err != nil:
		return nil, false, fmt.Errorf("make the master key file: %w", err)
	}
	return key, true, syncDir(path)
}

// Load reads the master key from env or path, as LoadOrCreate, and makes none:
// the error of a missing file is fs.ErrNotExist.
func Load(path, env string) (*Key, error) {
	if env != "" {
		return ParseKey(env)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the master key file: %w", err)
	}
	key, err := ParseKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("master key file %s: %w", path, err)
	}
	return key, nil
}

// Candidates gives the keys that may be the current one: env alone when it is
// set; else the file at path and what a rotation cut short left beside it.
// Files that are missing or unreadable are left out.
func Candidates(path, env string) []*Key {
	if env != "" {
		key, err := ParseKey(env)
		if err != nil {
			return nil
		}
		return []*Key{key}
	}
	var keys []*Key
	for _, suffix := range []string{"", nextSuffix, previousSuffix} {
		if key, err := Load(path+suffix, ""); err == nil {
			keys = append(keys, key)
		}
	}
	return keys
}

// WriteNext puts a new key beside the current one, synced to disk, before the
// database is re-sealed. From then on either key can be found again. The error
// is fs.ErrExist when a rotation is under way, or was cut short: the key that
// stands there may be the one the database names.
func WriteNext(path string, next *Key) error {
	tmp, err := writeTemp(path, next)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	if err := os.Link(tmp, path+nextSuffix); err != nil {
		return err
	}
	return syncDir(path)
}

// DropNext forgets a key that WriteNext put down and nothing was sealed under.
func DropNext(path string) error {
	err := os.Remove(path + nextSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Promote makes key, which the database now names, the one in the file at
// path; what was there is kept as path.previous. It does nothing when the file
// holds key already. Each step leaves a state that Candidates understands.
func Promote(path string, key *Key) error {
	if now, err := Load(path, ""); err == nil && now.raw == key.raw {
		return nil
	}
	tmp, err := writeTemp(path, key)
	if err != nil {
		return err
	}
	if err := os.Rename(path, path+previousSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	if err := syncDir(path); err != nil {
		return err
	}
	return DropNext(path)
}

// writeTemp writes key to a synced file of mode 0600 in path's directory.
func writeTemp(path string, key *Key) (string, error) {
	var salt [6]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return "", err
	}
	name := path + ".tmp-" + hex.EncodeToString(salt[:])
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("write the master key file: %w", err)
	}
	_, err = f.Write(key.text())
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return "", errors.Join(fmt.Errorf("write the master key file: %w", err), os.Remove(name))
	}
	return name, nil
}

// syncDir makes a new name in path's directory survive a power cut.
func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
