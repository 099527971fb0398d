package store

import (
	"context"
	"errors"
	"io"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// WriteTo writes n octets of a blob, from octet off on, to w: chunk by chunk,
// with one plain chunk in memory, and no connection held while w takes it.
// mail.CodeNotFound when the blob ends before, or is gone.
func (s *Store) WriteTo(ctx context.Context, w io.Writer, blob mail.BlobID, off, n int64) error {
	for n > 0 {
		plain, err := s.chunk(ctx, blob, off/mail.ChunkSize)
		if err != nil {
			return err
		}
		from := off % mail.ChunkSize
		if from >= int64(len(plain)) {
			return noBlob()
		}
		part := plain[from:min(int64(len(plain)), from+n)]
		if _, err := w.Write(part); err != nil {
			return err
		}
		off, n = off+int64(len(part)), n-int64(len(part))
	}
	return nil
}

// ReadBlobAt fills p with the octets of a blob from octet off on.
func (s *Store) ReadBlobAt(ctx context.Context, blob mail.BlobID, p []byte, off int64) error {
	return s.WriteTo(ctx, &filler{p}, blob, off, int64(len(p)))
}

type filler struct{ rest []byte }

func (f *filler) Write(p []byte) (int, error) {
	n := copy(f.rest, p)
	f.rest = f.rest[n:]
	return n, nil
}

// OpenBlob reads a blob of size octets from its beginning. Errors of reading
// carry a code of internal/mail.
func (s *Store) OpenBlob(ctx context.Context, blob mail.BlobID, size int64) (io.ReadCloser, error) {
	r := &blobReader{s: s, ctx: ctx, blob: blob, size: size}
	return r, r.fill()
}

// blobReader holds one plain chunk.
type blobReader struct {
	s    *Store
	ctx  context.Context
	blob mail.BlobID
	size int64
	off  int64 // of what follows plain
	rest []byte
}

func (r *blobReader) fill() error {
	if r.off >= r.size {
		return nil
	}
	plain, err := r.s.chunk(r.ctx, r.blob, r.off/mail.ChunkSize)
	if err != nil {
		return err
	}
	if len(plain) == 0 {
		return noBlob()
	}
	r.rest = plain[:min(int64(len(plain)), r.size-r.off)]
	r.off += int64(len(r.rest))
	return nil
}

// Read implements io.Reader.
func (r *blobReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if err := r.fill(); err != nil {
			return 0, err
		}
		if len(r.rest) == 0 {
			return 0, io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close implements io.Closer.
func (r *blobReader) Close() error {
	r.rest, r.size = nil, r.off
	return nil
}

// chunk gives a chunk's plain octets.
func (s *Store) chunk(ctx context.Context, blob mail.BlobID, i int64) ([]byte, error) {
	var stored []byte
	err := s.pool.QueryRow(ctx, "SELECT data FROM blobs WHERE blob_id = $1 AND chunk = $2", int64(blob), i).Scan(&stored)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, noBlob()
	}
	if err != nil {
		return nil, dbError(err)
	}
	plain, err := s.cfg.Decompress(nil, stored)
	if err != nil {
		return nil, mail.Wrap(mail.CodeInternal, err, "stored message is damaged")
	}
	return plain, nil
}

func noBlob() error { return mail.Errorf(mail.CodeNotFound, "the message is gone") }
