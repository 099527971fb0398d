package spool

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"postroom/internal/mail"
)

// One encoder and one decoder serve everybody: their EncodeAll and DecodeAll
// are safe for concurrent use, keep no state of a message, and run at most once
// per processor at a time.
var (
	encoder = must(zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(true),
		zstd.WithWindowSize(mail.ChunkSize), zstd.WithLowerEncoderMem(true)))
	decoder = must(zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(2*mail.ChunkSize)))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // the options above are constants
	}
	return v
}

// frameScratch holds frames until they are kept.
var frameScratch = sync.Pool{New: func() any { return new([]byte) }}

// ReadChunk appends the plain octets of one stored frame to dst, at most
// mail.ChunkSize. A frame that is not whole is an error: its checksum tells.
func ReadChunk(dst, frame []byte) ([]byte, error) {
	plain, err := decoder.DecodeAll(frame, dst)
	if err != nil {
		return nil, fmt.Errorf("spool: stored chunk: %w", err)
	}
	return plain, nil
}
