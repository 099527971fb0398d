package spool

import (
	"fmt"

	"github.com/klauspost/compress/zstd"

	"postroom/internal/mail"
)

// One encoder and one decoder serve everybody: their EncodeAll and DecodeAll
// are safe for concurrent use and keep no state of a message.
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

// compress makes a frame of a chunk of plain octets.
func compress(plain []byte) []byte {
	return encoder.EncodeAll(plain, make([]byte, 0, len(plain)/2+64))
}

// ReadChunk gives the plain octets of one stored frame, at most
// mail.ChunkSize. A frame that is not whole is an error: its checksum tells.
func ReadChunk(frame []byte) ([]byte, error) {
	plain, err := decoder.DecodeAll(frame, nil)
	if err != nil {
		return nil, fmt.Errorf("spool: stored chunk: %w", err)
	}
	return plain, nil
}
