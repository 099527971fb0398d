// Package spool holds the octets of messages on their way in, before the store
// has them: hashed, checked, parsed and compressed while they stream by, in
// memory when they are few and in an unlinked file when they are many. Nothing
// in the spool has been promised to anybody.
package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"postroom/internal/mail"
)

// DefaultMaxBytes bounds the octets that all messages of a Spool hold in files.
const DefaultMaxBytes = 4 << 30

const filePrefix = "in-"

// Spool is where messages wait. It is safe for concurrent use.
type Spool struct {
	// MaxBytes bounds the compressed octets held in files at one time; set it
	// before the first Begin.
	MaxBytes int64

	dir       string
	maxMemory int64
	inFiles   atomic.Int64
}

// New makes a spool in dir (made when missing). A message whose compressed
// octets are at most maxMemory never touches the disk.
func New(dir string, maxMemory int64) (*Spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, mail.Wrap(mail.CodeUnavailable, err, "the spool directory cannot be made")
	}
	return &Spool{MaxBytes: DefaultMaxBytes, dir: dir, maxMemory: maxMemory}, nil
}

// InFiles gives the compressed octets that messages hold in files now.
func (s *Spool) InFiles() int64 { return s.inFiles.Load() }

// file opens an unlinked file: a crash leaves nothing behind.
func (s *Spool) file() (*os.File, error) {
	f, err := os.CreateTemp(s.dir, filePrefix+"*")
	if err != nil {
		return nil, diskError(err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, diskError(err)
	}
	return f, nil
}

// reserve counts n more octets in files, or refuses them.
func (s *Spool) reserve(n int64) error {
	if s.inFiles.Add(n) > s.MaxBytes {
		s.inFiles.Add(-n)
		return mail.Errorf(mail.CodeStorageFull, "insufficient system storage")
	}
	return nil
}

func diskError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return mail.Wrap(mail.CodeStorageFull, err, "insufficient system storage")
	}
	return mail.Wrap(mail.CodeUnavailable, err, "the spool is not available")
}

// Sweep removes files that a killed process left between making and unlinking
// them, when they are older than olderThan, and gives their number.
func Sweep(dir string, olderThan time.Duration) (int, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("spool: %w", err)
	}
	n := 0
	for _, e := range entries {
		i, err := e.Info()
		if err != nil || !strings.HasPrefix(e.Name(), filePrefix) || time.Since(i.ModTime()) < olderThan {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err == nil {
			n++
		}
	}
	return n, nil
}
