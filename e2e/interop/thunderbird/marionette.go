package thunderbird

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Marionette is a connection to the remote control of a Mozilla program,
// protocol 3: each frame is its length in decimal, a colon and JSON.
type Marionette struct {
	conn net.Conn
	r    *bufio.Reader
	id   int
}

// maxFrame bounds an answer, octets.
const maxFrame = 16 << 20

// DialMarionette connects and begins a session that runs scripts with the
// program's own rights.
func DialMarionette(addr string, scriptLimit time.Duration) (*Marionette, error) {
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	m := &Marionette{conn: conn, r: bufio.NewReader(conn)}
	if err := m.begin(scriptLimit); err != nil {
		conn.Close()
		return nil, err
	}
	return m, nil
}

func (m *Marionette) begin(scriptLimit time.Duration) error {
	m.conn.SetDeadline(time.Now().Add(30 * time.Second))
	var hello struct {
		Protocol int `json:"marionetteProtocol"`
	}
	if err := m.read(&hello); err != nil {
		return err
	}
	if hello.Protocol != 3 {
		return fmt.Errorf("marionette speaks protocol %d", hello.Protocol)
	}
	if err := m.Command("WebDriver:NewSession", map[string]any{}, nil); err != nil {
		return err
	}
	if err := m.Command("WebDriver:SetTimeouts", map[string]any{"script": scriptLimit.Milliseconds()}, nil); err != nil {
		return err
	}
	return m.Command("Marionette:SetContext", map[string]any{"value": "chrome"}, nil)
}

// Close drops the connection.
func (m *Marionette) Close() error { return m.conn.Close() }

// Command runs one command and decodes its result into out, unless that is nil.
func (m *Marionette) Command(name string, params, out any) error {
	m.id++
	b, err := json.Marshal([]any{0, m.id, name, params})
	if err != nil {
		return err
	}
	m.conn.SetDeadline(time.Now().Add(3 * time.Minute))
	if _, err := fmt.Fprintf(m.conn, "%d:%s", len(b), b); err != nil {
		return err
	}
	var answer [4]json.RawMessage // 1, id, error, result
	if err := m.read(&answer); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var failed *struct{ Error, Message, Stacktrace string }
	if err := json.Unmarshal(answer[2], &failed); err != nil {
		return err
	}
	if failed != nil {
		return fmt.Errorf("%s: %s: %s\n%s", name, failed.Error, failed.Message, failed.Stacktrace)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer[3], out)
}

// Script runs the body of a function and decodes what it, or the promise that
// it gives, comes to.
func (m *Marionette) Script(body string, args []any, out any) error {
	result := struct {
		Value any `json:"value"`
	}{out}
	return m.Command("WebDriver:ExecuteScript", map[string]any{"script": body, "args": args}, &result)
}

func (m *Marionette) read(into any) error {
	length, err := m.r.ReadString(':')
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
	if err != nil || n < 0 || n > maxFrame {
		return fmt.Errorf("marionette frame of %q octets", length)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(m.r, b); err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}
