package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"upkeep/internal/drift"
	"upkeep/internal/lab"
)

// TestObjectsFigure reads and compares the definitions of two databases with
// 1,000 tables each: within a second, the best of nine.
func TestObjectsFigure(t *testing.T) {
	lab.Bench(t)
	s := start(t)
	var names []string
	for range 2 {
		name := s.fresh(t)
		names = append(names, name)
		var b strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&b, "CREATE TABLE t%d (id int PRIMARY KEY, name varchar(40) NOT NULL DEFAULT 'x', at timestamptz DEFAULT now(), other int REFERENCES t%d (id), CHECK (name IN ('a', 'b'))); CREATE INDEX ON t%[1]d (name);\n", i, max(0, i-1))
			if i%10 == 0 {
				fmt.Fprintf(&b, "CREATE VIEW v%d AS SELECT id, name FROM t%[1]d WHERE name IN ('a', 'b'); CREATE FUNCTION f%[1]d() RETURNS int LANGUAGE sql AS 'SELECT 1';\n", i)
			}
		}
		s.Psql(t, name, b.String())
	}
	var took []time.Duration
	for range 9 {
		begin := time.Now()
		var schemas []drift.Schema
		for _, name := range names {
			got, err := s.open(name).Objects(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			schemas = append(schemas, got)
		}
		if got := drift.Compare(schemas[0], schemas[1]); len(got) > 0 || len(schemas[0].Objects) != 1200 {
			t.Fatalf("%d objects, %d differences", len(schemas[0].Objects), len(got))
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	if took[0] > time.Second {
		t.Errorf("%v, and a second is allowed", took[0])
	}
	t.Logf("two databases with 1,000 tables: %v (median of %d; best %v)", took[4].Round(time.Millisecond), len(took), took[0].Round(time.Millisecond))
}
