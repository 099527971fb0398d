package admin

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io/fs"

	"postroom/internal/mail"
	"postroom/internal/secret"
)

// UnlockMasterKey finds the master key that this database's secrets are sealed
// under: env when set, else the file at path or what a rotation cut short left
// beside it, which it then puts in its place. On the first start with a
// database it makes the key, when create is set, and binds it. CodeConflict
// with a hint when the key is missing or another.
func UnlockMasterKey(ctx context.Context, s KeyStore, path, env string, create bool) (key *secret.Key, created bool, err error) {
	bound, err := s.MasterKeyFingerprint(ctx)
	if err != nil {
		return nil, false, err
	}
	if bound == nil {
		return firstKey(ctx, s, path, env, create)
	}
	for _, k := range secret.Candidates(path, env) {
		if !bytes.Equal(k.Fingerprint(), bound) {
			continue
		}
		if env == "" {
			// A read-only file is right as it is: the key is found again.
			_ = secret.Promote(path, k)
		}
		return k, false, nil
	}
	key, err = secret.Load(path, env)
	if err == nil {
		err = s.BindMasterKey(ctx, key.Fingerprint()) // says that it is another
		return nil, false, err
	}
	return nil, false, &mail.Error{Code: mail.CodeConflict, Err: err,
		Text: "the master key is missing or cannot be read",
		Hint: "the database names the key with fingerprint " + hex.EncodeToString(bound) +
			": put it back as " + path + " or in POSTROOM_MASTER_KEY. If it is lost for good, `postroom key rotate --lost` " +
			"makes a new one: DKIM keys and smarthost passwords are lost with it, mail is not"}
}

func firstKey(ctx context.Context, s KeyStore, path, env string, create bool) (key *secret.Key, created bool, err error) {
	if create {
		key, created, err = secret.LoadOrCreate(path, env)
	} else {
		key, err = secret.Load(path, env)
	}
	if err != nil {
		e := mail.Wrap(mail.CodeConflict, err, "the master key cannot be read or made")
		e.Hint = "set master_key_file to a path that can be written at the first start, or POSTROOM_MASTER_KEY to a key"
		if errors.Is(err, fs.ErrNotExist) {
			e.Hint = "the first start of postroom serve makes it; it is expected as " + path
		}
		return nil, false, e
	}
	return key, created, s.BindMasterKey(ctx, key.Fingerprint())
}

// KeyRotation tells what RotateKey did.
type KeyRotation struct {
	Secrets     int    `json:"secrets"` // that were sealed anew
	Fingerprint string `json:"fingerprint"`
	// Previous is the file with the old key, which older dumps need; "" when
	// the key comes from the environment.
	Previous string `json:"previous,omitempty"`
}

// RotateArgs says where the key comes from and what replaces it.
type RotateArgs struct {
	Path string
	Env  string // value of POSTROOM_MASTER_KEY; "" when the file is used
	// Next replaces the key; nil makes one. It must be given when Env is set,
	// since this program cannot change its environment.
	Next *secret.Key
	// Lost goes on without the old key: what cannot be opened is dropped.
	Lost bool
}

// RotateKey seals all secrets under a new master key. Whatever is killed at
// whatever moment, the key that the database names can be found: the new one
// is on disk before the database changes, and the old one stays until after.
func (a *Admin) RotateKey(ctx context.Context, args RotateArgs) (KeyRotation, error) {
	now, next, err := a.rotationKeys(ctx, args)
	if err != nil {
		return KeyRotation{}, err
	}
	if err := writeNext(args, next); err != nil {
		return KeyRotation{}, err
	}
	var oldPrint []byte
	if now != nil {
		oldPrint = now.Fingerprint()
	}
	n, err := a.Store.Reseal(ctx, a.Actor, oldPrint, next.Fingerprint(), args.Lost,
		func(table, row string, sealed []byte) ([]byte, error) {
			if now == nil {
				return nil, secret.ErrSealed
			}
			plain, err := now.Open(table, row, sealed)
			if err != nil {
				return nil, err
			}
			return next.Seal(table, row, plain), nil
		})
	if err != nil {
		// When the answer to the commit was lost, it may have happened: both
		// keys stay until the database says which one it is.
		if args.Env == "" && !mail.Is(err, mail.CodeUnavailable) {
			err = errors.Join(err, secret.DropNext(args.Path))
		}
		return KeyRotation{}, err
	}
	out := KeyRotation{Secrets: n, Fingerprint: hex.EncodeToString(next.Fingerprint())}
	if args.Env != "" {
		return out, nil
	}
	if err := secret.Promote(args.Path, next); err != nil {
		e := mail.Wrap(mail.CodeConflict, err, "the secrets are sealed under the new key, but its file could not be put in place")
		e.Hint = "it is beside " + args.Path + " with the ending .next, and is found there at each start"
		return out, e
	}
	out.Previous = args.Path + ".previous"
	return out, nil
}

func writeNext(args RotateArgs, next *secret.Key) error {
	if args.Env != "" {
		return nil
	}
	err := secret.WriteNext(args.Path, next)
	if err == nil {
		return nil
	}
	e := mail.Wrap(mail.CodeConflict, err, "the new key cannot be written beside "+args.Path)
	e.Hint = "run this where the folder of master_key_file can be written; nothing was changed"
	if errors.Is(err, fs.ErrExist) {
		e.Text = "another rotation is under way or was cut short"
		e.Hint = "if none is running, and the server starts with " + args.Path + " as it is, delete " + args.Path + ".next and try again"
	}
	return e
}

// rotationKeys gives the key that seals now, nil when it is lost, and the one
// that will.
func (a *Admin) rotationKeys(ctx context.Context, args RotateArgs) (now, next *secret.Key, err error) {
	bound, err := a.Store.MasterKeyFingerprint(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, k := range append(secret.Candidates(args.Path, args.Env), a.Key) {
		if k != nil && bytes.Equal(k.Fingerprint(), bound) {
			now = k
		}
	}
	switch {
	case bound == nil:
		return nil, nil, &mail.Error{Code: mail.CodeConflict, Text: "no master key is bound to this database yet",
			Hint: "start postroom serve once: it makes and binds the key"}
	case args.Lost && now != nil:
		return nil, nil, &mail.Error{Code: mail.CodeConflict, Text: "the master key is not lost",
			Hint: "rotate it instead: postroom key rotate"}
	case !args.Lost && now == nil:
		if a.Key == nil {
			_, err = a.key()
		} else {
			err = a.Store.BindMasterKey(ctx, a.Key.Fingerprint()) // says that it is another
		}
		return nil, nil, err
	case args.Env != "" && args.Next == nil:
		return nil, nil, &mail.Error{Code: mail.CodeConflict, Text: "the master key comes from the environment, where it cannot be replaced",
			Hint: "give the new key too, then set POSTROOM_MASTER_KEY to it before the next start"}
	}
	if next = args.Next; next == nil {
		next, err = secret.NewKey()
	}
	return now, next, err
}
