package store

import (
	"context"
	"io"

	"postroom/internal/mail"
)

// blobChunk reads the plain octets of one chunk. Each chunk is a statement of
// its own: no connection is held while a slow client takes what was read.
func (s *Store) blobChunk(ctx context.Context, blob mail.BlobID, chunk int64) ([]byte, error) {
	var frame []byte
	err := s.pool.QueryRow(ctx, "SELECT data FROM blobs WHERE blob_id = $1 AND chunk = $2", int64(blob), chunk).Scan(&frame)
	if err != nil {
		return nil, dbError(err)
	}
	plain, err := s.cfg.Decompress(frame)
	if err != nil {
		return nil, mail.Wrap(mail.CodeInternal, err, "the stored message cannot be read")
	}
	return plain, nil
}

// WriteTo writes n octets of a blob from off on to w, a chunk at a time: its
// memory does not grow with n.
func (s *Store) WriteTo(ctx context.Context, w io.Writer, blob mail.BlobID, off, n int64) error {
	for n > 0 {
		plain, err := s.blobChunk(ctx, blob, off/mail.ChunkSize)
		if err != nil {
			return err
		}
		at := off % mail.ChunkSize
		if at >= int64(len(plain)) {
			return mail.Errorf(mail.CodeInternal, "the stored message is shorter than it was")
		}
		k := min(n, int64(len(plain))-at)
		if _, err := w.Write(plain[at : at+k]); err != nil {
			return err
		}
		off, n = off+k, n-k
	}
	return nil
}

// OpenBlob reads the size octets of a blob from the beginning, a chunk at a
// time.
func (s *Store) OpenBlob(ctx context.Context, blob mail.BlobID, size int64) (io.ReadCloser, error) {
	return &blobReader{ctx: ctx, s: s, blob: blob, left: size}, nil
}

type blobReader struct {
	ctx   context.Context
	s     *Store
	blob  mail.BlobID
	chunk int64
	plain []byte
	left  int64
}

func (r *blobReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	if len(r.plain) == 0 {
		plain, err := r.s.blobChunk(r.ctx, r.blob, r.chunk)
		if err != nil {
			return 0, err
		}
		r.plain, r.chunk = plain, r.chunk+1
	}
	n := copy(p, r.plain[:min(int64(len(r.plain)), r.left)])
	r.plain, r.left = r.plain[n:], r.left-int64(n)
	return n, nil
}

func (r *blobReader) Close() error { return nil }
