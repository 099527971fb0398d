package migrations_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"postroom/store/storetest"
)

// catalog lists everything a schema consists of, one line each.
const catalog = `
	SELECT format('table %s kind %s options %s bound %s', c.relname, c.relkind, c.reloptions, pg_get_expr(c.relpartbound, c.oid))
	FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
	UNION ALL SELECT format('column %s.%s %s not null %s default %s storage %s at %s', c.relname, a.attname,
		format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attstorage, a.attnum)
	FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
	WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
	UNION ALL SELECT format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(oid))
	FROM pg_constraint WHERE connamespace = 'public'::regnamespace
	UNION ALL SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
	WHERE c.relnamespace = 'public'::regnamespace
	UNION ALL SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext
	UNION ALL SELECT format('view %s %s', viewname, definition) FROM pg_views WHERE schemaname = 'public'
	UNION ALL SELECT format('function %s', oid::regprocedure) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
	UNION ALL SELECT format('trigger %s on %s', tgname, tgrelid::regclass) FROM pg_trigger WHERE NOT tgisinternal
	ORDER BY 1`

func readCatalog(t *testing.T, url, sql string) map[string]bool {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if sql != "" {
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := c.Query(t.Context(), catalog)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, l := range lines {
		out[l] = true
	}
	return out
}

func TestSchemaIsWhatTheMigrationsMake(t *testing.T) {
	schema, err := os.ReadFile("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	migrated := readCatalog(t, storetest.Database(t), "")
	written := readCatalog(t, storetest.EmptyDatabase(t), string(schema))
	if len(migrated) < 500 {
		t.Fatalf("the catalog query finds only %d things", len(migrated))
	}
	for l := range migrated {
		if !written[l] {
			t.Errorf("only the migrations make: %s", l)
		}
	}
	for l := range written {
		if !migrated[l] {
			t.Errorf("only schema.sql makes: %s", l)
		}
	}
}

func TestSchemaSaysWhy(t *testing.T) {
	schema, err := os.ReadFile("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	table, index := regexp.MustCompile(`^CREATE TABLE (\w+)`), regexp.MustCompile(`^CREATE (?:UNIQUE )?INDEX (\w+)`)
	lines := strings.Split(string(schema), "\n")
	for i, l := range lines {
		if m := table.FindStringSubmatch(l); m != nil && !strings.HasPrefix(lines[i-1], "-- ") {
			t.Errorf("table %s has no sentence", m[1])
		}
		if m := index.FindStringSubmatch(l); m != nil && !strings.Contains(commentAbove(lines, i), "-- For: ") {
			t.Errorf("index %s does not name its query", m[1])
		}
	}
}

func commentAbove(lines []string, i int) string {
	from := i
	for from > 0 && strings.HasPrefix(lines[from-1], "--") {
		from--
	}
	return strings.Join(lines[from:i], "\n")
}
