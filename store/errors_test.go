package store_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"postroom/internal/mail"
	"postroom/store"
)

func TestErrorsShowNoSQL(t *testing.T) {
	state := func(code string) error {
		return &pgconn.PgError{Code: code, Message: `relation "messages" at /var/lib/postgresql`}
	}
	for _, c := range []struct {
		err  error
		want mail.Code
	}{
		{state("53100"), mail.CodeStorageFull}, {state("57P01"), mail.CodeUnavailable}, {state("53300"), mail.CodeUnavailable},
		{state("08006"), mail.CodeUnavailable}, {state("40P01"), mail.CodeUnavailable}, {state("23505"), mail.CodeExists},
		{state("42P01"), mail.CodeInternal}, {pgx.ErrNoRows, mail.CodeNotFound}, {io.ErrUnexpectedEOF, mail.CodeUnavailable},
		{context.DeadlineExceeded, mail.CodeUnavailable}, {errors.New("what?"), mail.CodeInternal},
		{mail.Errorf(mail.CodeOverQuota, "mailbox is full"), mail.CodeOverQuota},
	} {
		got := store.DBError(c.err)
		wantCode(t, got, c.want)
		if text := mail.TextOf(got); strings.Contains(text, "relation") || strings.Contains(text, "/") || text == "" {
			t.Errorf("%v shows %q", c.err, text)
		}
	}
	if store.DBError(nil) != nil {
		t.Error("no error became one")
	}
}

func TestDatabaseThatIsAway(t *testing.T) {
	_, err := store.Open(t.Context(), store.Config{URL: "postgres://nobody@127.0.0.1:1/none?connect_timeout=2"})
	wantCode(t, err, mail.CodeUnavailable)
	_, err = store.Open(t.Context(), store.Config{URL: "postgres://%zz"})
	wantCode(t, err, mail.CodeInvalid)
}
