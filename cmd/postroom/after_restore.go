package main

import "postroom/internal/admin"

type afterRestoreCmd struct {
	Yes bool `short:"y" help:"Do not ask."`
}

func (c afterRestoreCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	if err := e.confirm(c.Yes, "Give every mailbox a new UIDVALIDITY (clients load their mail anew) and hold the queue for review?"); err != nil {
		return err
	}
	var r admin.RestoreResult
	err = e.working("new UIDVALIDITYs", func() (err error) {
		r, err = a.AfterRestore(e.ctx)
		return err
	})
	if err != nil {
		return err
	}
	return e.result(r, func() {
		e.say("%d mailboxes have a new UIDVALIDITY; %d queue entries wait for review.", r.Mailboxes, r.QueueHeld)
		if r.QueueHeld > 0 {
			e.say("Look at them with `postroom queue list`; let them go with `postroom queue release --all`, or delete what was sent before.")
		}
	})
}
