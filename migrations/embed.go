// Package migrations holds the schema: NNNN_name.sql, forward only, applied in
// order by the store, and schema.sql, the whole of it for reading.
package migrations

import "embed"

// Files holds every NNNN_name.sql.
//
//go:embed [0-9]*.sql
var Files embed.FS
