package main

import (
	"encoding/hex"
	"os"

	"postroom/internal/admin"
	"postroom/internal/secret"
)

type keyCmd struct {
	Show   keyShowCmd   `cmd:"" help:"Show where the master key is and its fingerprint."`
	Rotate keyRotateCmd `cmd:"" help:"Seal all secrets under a new master key."`
}

type keyShowCmd struct{}

func (keyShowCmd) Run(e *env) error {
	s, err := e.store()
	if err != nil {
		return err
	}
	key, err := e.masterKey(s)
	if err != nil {
		return err
	}
	where := e.cfg.MasterKeyFile
	if e.masterKeyEnv() != "" {
		where = "POSTROOM_MASTER_KEY"
	}
	print := hex.EncodeToString(key.Fingerprint())
	return e.result(map[string]string{"from": where, "fingerprint": print}, func() { e.fields("from", where, "fingerprint", print) })
}

type keyRotateCmd struct {
	NextFile string `help:"File with the new key, when the key comes from the environment." placeholder:"FILE"`
	Lost     bool   `help:"The old key is lost: drop what it sealed (DKIM keys, smarthost passwords, secrets of return addresses)."`
	Yes      bool   `short:"y" help:"Do not ask."`
}

func (c keyRotateCmd) Run(e *env) error {
	s, err := e.store()
	if err != nil {
		return err
	}
	args := admin.RotateArgs{Path: e.cfg.MasterKeyFile, Env: e.masterKeyEnv(), Lost: c.Lost}
	if c.NextFile != "" {
		raw, err := os.ReadFile(c.NextFile)
		if err != nil {
			return err
		}
		if args.Next, err = secret.ParseKey(string(raw)); err != nil {
			return err
		}
	}
	if c.Lost {
		if err := e.confirm(c.Yes, "Drop every DKIM key and smarthost password that the lost key sealed?"); err != nil {
			return err
		}
	}
	var r admin.KeyRotation
	err = e.working("sealing", func() (err error) {
		r, err = admin.New(admin.Config{Store: s, Actor: e.actor()}).RotateKey(e.ctx, args)
		return err
	})
	if err != nil {
		return err
	}
	return e.result(r, func() {
		e.say("%s sealed under the new key %s.", plural(int64(r.Secrets), "secret"), r.Fingerprint)
		if r.Previous != "" {
			e.say("The old key is kept as %s: older dumps need it.", r.Previous)
		}
	})
}
