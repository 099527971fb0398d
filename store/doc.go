// Package store keeps everything postroom knows in PostgreSQL: all SQL and all
// of pgx live here, one file per noun. It receives parsed summaries and gives
// back the codes of internal/mail; it knows no protocol.
package store
