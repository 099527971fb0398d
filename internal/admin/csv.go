package admin

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"postroom/internal/mail"
)

// Bounds of a CSV file of accounts.
const (
	maxCSV     = 64 << 20
	maxCSVRows = 100_000
)

// csvColumns are the columns of a file without a header line, in order; a
// header line may name them in any order and leave out all but the address.
var csvColumns = []string{"address", "name", "password", "quota"}

// ImportOptions says how ImportAccounts works.
type ImportOptions struct {
	// DryRun checks every row and changes nothing.
	DryRun bool
	// Progress is called after each row; nil for none.
	Progress func(done, total int)
}

// ImportRow is what became of one row.
type ImportRow struct {
	Line    int    `json:"line"`
	Address string `json:"address"`
	// Password is the one that was generated for a row without one.
	Password string `json:"password,omitempty"`
	Error    string `json:"error,omitempty"`
	Hint     string `json:"hint,omitempty"`
}

// ImportAccounts makes an account per row of a CSV file: address, name,
// password, quota; comma or semicolon, with or without a header line, UTF-8.
// An empty password is generated and stands in the row's result. A row that
// fails leaves the others as they are; running the corrected file again finds
// those that exist. The error is of the file as a whole, or of the database.
func (a *Admin) ImportAccounts(ctx context.Context, r io.Reader, o ImportOptions) ([]ImportRow, error) {
	rows, err := readCSV(r)
	if err != nil {
		return nil, err
	}
	out := make([]ImportRow, 0, len(rows))
	seen := map[mail.Address]int{}
	for i, row := range rows {
		if err := ctx.Err(); err != nil {
			return out, mail.Wrap(mail.CodeUnavailable, err, "stopped; the rows so far are done")
		}
		result := ImportRow{Line: row.line, Address: row.args.Address}
		err := a.importRow(ctx, row, o, seen, &result)
		if mail.Is(err, mail.CodeUnavailable) || mail.Is(err, mail.CodeInternal) || mail.Is(err, mail.CodeStorageFull) {
			return out, err
		}
		if err != nil {
			result.Error, result.Password = mail.TextOf(err), ""
			var e *mail.Error
			if errors.As(err, &e) {
				result.Hint = e.Hint
			}
		}
		out = append(out, result)
		if o.Progress != nil {
			o.Progress(i+1, len(rows))
		}
	}
	return out, nil
}

func (a *Admin) importRow(ctx context.Context, row csvRow, o ImportOptions, seen map[mail.Address]int, result *ImportRow) error {
	if row.err != nil {
		return row.err
	}
	m, err := mailAddress(row.args.Address)
	if err != nil {
		return err
	}
	if first, ok := seen[m]; ok {
		return mail.Errorf(mail.CodeInvalid, "the address stands in line %d already", first)
	}
	seen[m] = row.line
	if o.DryRun {
		return a.tryRow(ctx, m, row.args)
	}
	n, password, err := a.newAccount(row.args)
	if err != nil {
		return err
	}
	made, err := a.Store.CreateAccount(ctx, a.Actor, n)
	if err != nil {
		return err
	}
	result.Address = shown([]mail.Address{made.Address})[0]
	if row.args.Generate {
		result.Password = password
	}
	return nil
}

// tryRow finds what would be wrong, without the cost of hashing.
func (a *Admin) tryRow(ctx context.Context, m mail.Address, args AccountArgs) error {
	if _, err := displayName(args.Name); err != nil {
		return err
	}
	if _, err := ParseSize(args.Quota); err != nil {
		return err
	}
	if _, err := a.Store.Domain(ctx, m.Domain); err != nil {
		return err
	}
	_, err := a.Store.AccountByAddress(ctx, m)
	if err == nil {
		return mail.Errorf(mail.CodeExists, "%s is taken by an account", args.Address)
	}
	if !mail.Is(err, mail.CodeNotFound) {
		return err
	}
	return nil
}

// csvRow is one row as read; err is what is wrong with its form.
type csvRow struct {
	line int
	args AccountArgs
	err  error
}

func readCSV(r io.Reader) ([]csvRow, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxCSV+1))
	if err != nil {
		return nil, mail.Wrap(mail.CodeInvalid, err, "the file cannot be read")
	}
	if len(text) > maxCSV {
		return nil, mail.Errorf(mail.CodeTooBig, "the file is larger than %d MiB", maxCSV>>20)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // Excel's "CSV UTF-8"
	c := csv.NewReader(bytes.NewReader(text))
	c.FieldsPerRecord, c.TrimLeadingSpace = -1, true
	head, _, _ := bytes.Cut(text, []byte("\n"))
	if bytes.Count(head, []byte(";")) > bytes.Count(head, []byte(",")) { // Excel's, where the comma is decimal
		c.Comma = ';'
	}
	columns := csvColumns
	var rows []csvRow
	for {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, &mail.Error{Code: mail.CodeInvalid, Text: "the file is not CSV: " + csvError(err),
				Hint: "a field with a comma or quote is written in quotes"}
		}
		line, _ := c.FieldPos(0)
		if len(rows) == 0 && strings.EqualFold(strings.TrimSpace(record[0]), "address") || isHeader(rows, record) {
			if columns, err = headerColumns(record); err != nil {
				return nil, err
			}
			continue
		}
		if len(rows) == maxCSVRows {
			return nil, mail.Errorf(mail.CodeTooMany, "the file has more than %d rows", maxCSVRows)
		}
		rows = append(rows, readRow(line, columns, record))
	}
}

// isHeader tells a first line that names columns in another order.
func isHeader(rows []csvRow, record []string) bool {
	return len(rows) == 0 && slices.ContainsFunc(record, func(f string) bool {
		return strings.EqualFold(strings.TrimSpace(f), "address")
	})
}

func headerColumns(record []string) ([]string, error) {
	columns := make([]string, len(record))
	for i, f := range record {
		columns[i] = strings.ToLower(strings.TrimSpace(f))
		if !slices.Contains(csvColumns, columns[i]) {
			return nil, &mail.Error{Code: mail.CodeInvalid, Text: "the header line has an unknown column " + quoted(f),
				Hint: "the columns are " + strings.Join(csvColumns, ", ")}
		}
		if slices.Contains(columns[:i], columns[i]) {
			return nil, mail.Errorf(mail.CodeInvalid, "the header line has column %s twice", columns[i])
		}
	}
	return columns, nil
}

func readRow(line int, columns, record []string) csvRow {
	row := csvRow{line: line}
	for i, f := range record {
		if i >= len(columns) {
			if strings.TrimSpace(f) != "" {
				row.err = mail.Errorf(mail.CodeInvalid, "the row has more than %d fields", len(columns))
			}
			break
		}
		switch columns[i] {
		case "address":
			row.args.Address = strings.TrimSpace(f)
		case "name":
			row.args.Name = f
		case "password":
			row.args.Password = f
		case "quota":
			row.args.Quota = f
		}
	}
	row.args.Generate = row.args.Password == ""
	return row
}

// csvError shows where, and never what: a password may stand there.
func csvError(err error) string {
	var e *csv.ParseError
	if errors.As(err, &e) {
		return fmt.Sprintf("line %d, column %d: %v", e.Line, e.Column, e.Err)
	}
	return "unreadable"
}
