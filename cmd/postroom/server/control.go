package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"postroom/internal/mail"
)

// controlName is the socket in the data directory by which `postroom health`
// asks the running server how it is.
const controlName = "control.sock"

// Health is what the running server says about itself.
type Health struct {
	OK        bool                `json:"ok"`
	Database  string              `json:"database"` // "ok", or what is wrong
	Draining  bool                `json:"draining"`
	Uptime    string              `json:"uptime"`
	Addresses map[string][]string `json:"addresses"`
}

// control is the listener of health questions: a connection gets one JSON
// object and is closed.
type control struct {
	l    net.Listener
	path string
}

// shortPath names a file in dir so that it fits the 107 octets of a socket
// address, however long dir is. The file must stay open while it is used.
func shortPath(dir *os.File, name string) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), name)
}

func openControl(dataDir string) (*control, error) {
	dir, err := os.Open(dataDir)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	path := filepath.Join(dataDir, controlName)
	os.Remove(path)
	l, err := net.Listen("unix", shortPath(dir, controlName))
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	return &control{l, path}, os.Chmod(path, 0o600)
}

func (c *control) serve(answer func(context.Context) Health) {
	for {
		conn, err := c.l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
			defer cancel()
			conn.SetDeadline(time.Now().Add(5 * time.Second))
			json.NewEncoder(conn).Encode(answer(ctx))
		}()
	}
}

func (c *control) close() {
	c.l.Close()
	os.Remove(c.path)
}

// AskHealth asks the server that runs on dataDir.
func AskHealth(ctx context.Context, dataDir string) (Health, error) {
	var h Health
	dir, err := os.Open(dataDir)
	if err == nil {
		defer dir.Close()
		var d net.Dialer
		var conn net.Conn
		if conn, err = d.DialContext(ctx, "unix", shortPath(dir, controlName)); err == nil {
			defer conn.Close()
			if t, ok := ctx.Deadline(); ok {
				conn.SetDeadline(t)
			}
			err = json.NewDecoder(io.LimitReader(conn, 1<<20)).Decode(&h)
		}
	}
	if err == nil {
		return h, nil
	}
	text := "no server answers on the data directory " + dataDir
	if errors.Is(err, os.ErrPermission) {
		text = "no right to ask the server on the data directory " + dataDir
	}
	e := mail.Wrap(mail.CodeUnavailable, err, text)
	e.Hint = "is it running? Start it with: postroom serve"
	return h, e
}

// openControl answers `postroom health`.
func (s *Server) openControl(context.Context, Options) (err error) {
	if s.control, err = openControl(s.cfg.DataDir); err != nil {
		return mail.Wrap(mail.CodeUnavailable, err, "the control socket in the data directory cannot be made")
	}
	go s.control.serve(s.health)
	return nil
}

func (s *Server) health(ctx context.Context) Health {
	h := Health{Database: "ok", Uptime: time.Since(s.began).Round(time.Second).String(), Addresses: s.Addresses()}
	if err := s.store.CheckDurability(ctx); err != nil {
		h.Database = mail.TextOf(err)
	}
	select {
	case <-s.draining:
		h.Draining = true
	default:
	}
	h.OK = h.Database == "ok" && !h.Draining
	return h
}
