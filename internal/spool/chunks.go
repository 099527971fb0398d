package spool

import (
	"bytes"
	"os"
)

// chunks are compressed frames, in memory or one after the other in a file.
type chunks struct {
	s      *Spool
	memory [][]byte
	held   int64 // octets in memory, or reserved in the file
	file   *os.File
	ends   []int64 // of each frame in the file
	buf    []byte  // for reading one
}

// add compresses one chunk and keeps it: in memory while there is room, else
// in a file.
func (c *chunks) add(plain []byte) error {
	scratch := frameScratch.Get().(*[]byte)
	defer frameScratch.Put(scratch)
	*scratch = encoder.EncodeAll(plain, (*scratch)[:0])
	frame := *scratch
	if c.file == nil && c.held+int64(len(frame)) <= c.s.maxMemory {
		c.memory = append(c.memory, bytes.Clone(frame))
		c.held += int64(len(frame))
		return nil
	}
	if c.file == nil {
		if err := c.toFile(); err != nil {
			return err
		}
	}
	return c.append(frame)
}

// toFile moves the frames in memory to a file.
func (c *chunks) toFile() error {
	f, err := c.s.file()
	if err != nil {
		return err
	}
	frames := c.memory
	c.file, c.memory, c.held = f, nil, 0
	for _, frame := range frames {
		if err := c.append(frame); err != nil {
			return err
		}
	}
	return nil
}

func (c *chunks) append(frame []byte) error {
	if err := c.s.reserve(int64(len(frame))); err != nil {
		return err
	}
	c.held += int64(len(frame))
	if _, err := c.file.Write(frame); err != nil {
		return diskError(err)
	}
	c.ends = append(c.ends, c.held)
	return nil
}

func (c *chunks) discard() {
	if c.file != nil {
		c.file.Close()
		c.s.inFiles.Add(-c.held)
	}
	*c = chunks{s: c.s}
}
