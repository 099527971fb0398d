package doctext

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"postroom/internal/mail"
)

// Bounds of one file.
const (
	MaxText = 1 << 20  // octets of text; what comes after is left out
	MaxFile = 64 << 20 // octets of the file; a larger one is not read
	Time    = 30 * time.Second
	// maxComplaint is how much of stderr an error tells.
	maxComplaint = 200
)

// Program reads files. It is safe for concurrent use.
type Program struct {
	path string
	time time.Duration
	tmp  string // "": the system's directory for temporary files
}

// New makes a Program of an executable file. It fails with mail.CodeInvalid
// when there is none at that path.
func New(path string) (*Program, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, refused(path, "is no absolute path")
	}
	st, err := os.Stat(path)
	if err != nil || st.IsDir() || st.Mode()&0o111 == 0 {
		return nil, refused(path, "is no program that can be run")
	}
	return &Program{path: path, time: Time}, nil
}

func refused(path, why string) error {
	e := mail.Errorf(mail.CodeInvalid, "search_text_helper: %s %s", path, why)
	e.Hint = "name a program, or leave the key out: PDF and office files are then not searched"
	return e
}

// ErrGone says that the program itself can't be started, whatever the file.
var ErrGone = errors.New("the program can't be started")

// Text reads the text of a file of a media type. It is valid UTF-8 without
// NUL, of at most MaxText octets. An error other than ErrGone and that of ctx
// is about this file.
func (p *Program) Text(ctx context.Context, mediaType string, file io.Reader) (string, error) {
	dir, err := os.MkdirTemp(p.tmp, "postroom-text-")
	if err != nil {
		return "", fmt.Errorf("%w: no directory for its files", ErrGone)
	}
	defer os.RemoveAll(dir)
	within, cancel := context.WithTimeout(ctx, p.time)
	defer cancel()
	c, err := p.command(within, dir, mediaType)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrGone, err)
	}
	text, err := run(within, c, file)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case within.Err() != nil:
		return "", fmt.Errorf("it took longer than %v", p.time)
	}
	return text, err
}

// waitDelay is how long an ended program's output may be held open by what it
// started.
const waitDelay = time.Second

// run gives the program the file and takes its text.
func run(ctx context.Context, c *exec.Cmd, file io.Reader) (string, error) {
	var complaint, text bounded
	complaint.most, text.most = maxComplaint, MaxText
	text.full = func() { _ = c.Cancel() }
	in, err := c.StdinPipe()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrGone, err)
	}
	c.Stdout, c.Stderr = &text, &complaint
	runtime.LockOSThread() // see command
	defer runtime.UnlockOSThread()
	if err := c.Start(); err != nil {
		return "", fmt.Errorf("%w: %w", ErrGone, err)
	}
	fed := make(chan error, 1)
	go func() { fed <- feed(in, file) }()
	err = c.Wait()
	_ = end(c.Process.Pid)
	_ = in.Close()
	// A program may stop reading when it has seen enough; a file that cannot
	// be read is our failure.
	if fault := <-fed; errors.As(fault, new(*fileError)) {
		return "", fault
	}
	if c.ProcessState != nil && c.ProcessState.ExitCode() == notStarted {
		return "", fmt.Errorf("%w: %s", ErrGone, clean(complaint.String()))
	}
	if err != nil && !text.over {
		return "", fmt.Errorf("%w: %s", err, clean(complaint.String()))
	}
	return clean(text.String()), ctx.Err()
}

// fileError is a file that could not be read, or is too large.
type fileError struct{ error }

func (e *fileError) Unwrap() error { return e.error }

func feed(in io.WriteCloser, file io.Reader) error {
	defer in.Close()
	left := &io.LimitedReader{R: file, N: MaxFile + 1}
	r := &noting{r: left}
	_, err := io.Copy(in, r)
	switch {
	case r.err != nil:
		return &fileError{r.err}
	case left.N == 0:
		return &fileError{errors.New("it is larger than 64 MB")}
	}
	return err
}

// noting keeps the error of the reading side.
type noting struct {
	r   io.Reader
	err error
}

func (n *noting) Read(p []byte) (int, error) {
	k, err := n.r.Read(p)
	if err != nil && err != io.EOF {
		n.err = err
	}
	return k, err
}

// bounded keeps the first octets that are written.
type bounded struct {
	strings.Builder
	most int
	over bool
	full func()
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	room := b.most - b.Len()
	if len(p) <= room {
		return b.Builder.Write(p)
	}
	b.Builder.Write(p[:room])
	if !b.over && b.full != nil {
		b.full()
	}
	b.over = true
	return len(p), nil
}

// clean makes text that the database takes.
func clean(s string) string {
	if len(s) == MaxText { // it may end within a character
		for n := 0; n < utf8.UTFMax && len(s) > 0; n++ {
			if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size != 1 {
				break
			}
			s = s[:len(s)-1]
		}
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, " "), "\x00", " ")
}
