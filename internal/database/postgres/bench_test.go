package postgres

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"upkeep/internal/lab"
)

// TestOutage compares a dump with its sums against a bare pg_dump of the same
// format, alternating: what the sums cost in an outage.
func TestOutage(t *testing.T) {
	lab.Bench(t)
	s := start(t)
	for _, size := range []struct {
		name string
		rows int
	}{{"6 MB", 1000}, {"120 MB", 40000}} {
		name := s.fresh(t)
		for i := range 20 {
			s.Psql(t, name, "CREATE TABLE tab_"+string(rune('a'+i))+" (id int PRIMARY KEY, a text, b jsonb, c timestamptz DEFAULT now())")
		}
		if _, err := s.PG.Psql(t.Context(), name, "SET upkeep.rows = "+strconv.Itoa(size.rows)+"; DO $$ DECLARE r record; BEGIN FOR r IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP "+
			"EXECUTE format('INSERT INTO %I SELECT i, repeat(md5(i::text), 3), jsonb_build_object(''n'', i) FROM generate_series(1, current_setting(''upkeep.rows'')::int) i', r.relname); END LOOP; END $$"); err != nil {
			t.Fatal(err)
		}
		db := s.open(name)
		file := filepath.Join(t.TempDir(), "dump")
		bare := func() {
			cmd := exec.Command(filepath.Join(s.Bin, "pg_dump"), "-Fc", "-Z0", "-f", file)
			cmd.Env = append(os.Environ(), s.Env(name)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
		ours := func() {
			f, err := os.Create(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := db.Dump(context.Background(), f); err != nil {
				t.Fatal(err)
			}
		}
		var a, b []time.Duration
		for range 9 {
			begin := time.Now()
			bare()
			middle := time.Now()
			ours()
			a, b = append(a, middle.Sub(begin)), append(b, time.Since(middle))
		}
		slices.Sort(a)
		slices.Sort(b)
		t.Logf("%s: bare pg_dump %v, with sums %v (medians of %d)", size.name, a[4].Round(time.Millisecond), b[4].Round(time.Millisecond), len(a))
	}
}
