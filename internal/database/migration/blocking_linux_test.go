package migration_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"upkeep/internal/database/migration"
)

// What depends on a column or a table that a script alters or drops is found
// before, and on PostgreSQL the server refuses exactly those statements.
func TestBlocking(t *testing.T) {
	const tables = "CREATE TABLE orders (id INT PRIMARY KEY, total INT, note VARCHAR(40), \"Odd\" INT); CREATE TABLE items (id INT, o INT REFERENCES orders (id)); "
	on := map[string]server{"postgres": onPostgres(t), "mariadb": onMariaDB(t)}
	for _, c := range []struct {
		kind, before, sql string
		want              []string
		refused           bool
	}{
		{"postgres", "CREATE VIEW site_report AS SELECT total FROM orders", "ALTER TABLE orders ALTER COLUMN total TYPE BIGINT", []string{"alters the type of column total of orders: view site_report"}, true},
		{"postgres", "CREATE VIEW site_report AS SELECT total FROM orders", "ALTER TABLE ONLY public.orders ADD COLUMN x INT, ALTER note SET DATA TYPE TEXT", nil, false},
		{"postgres", "CREATE VIEW site_report AS SELECT total FROM orders", "DROP VIEW site_report; ALTER TABLE orders ALTER total TYPE BIGINT; CREATE VIEW site_report AS SELECT total FROM orders", nil, false},
		{"postgres", "CREATE MATERIALIZED VIEW m AS SELECT \"Odd\" FROM orders", "ALTER TABLE IF EXISTS orders DROP COLUMN IF EXISTS \"Odd\"", []string{"drops column Odd of orders: materialized view m"}, true},
		{"postgres", "CREATE VIEW site_report AS SELECT total FROM orders", "ALTER TABLE orders DROP COLUMN total CASCADE", []string{"drops column total of orders: view site_report (they go with it)"}, false},
		{"postgres", "SELECT 1", "DROP TABLE orders", []string{"drops table orders: constraint items_o_fkey on table items"}, true},
		{"postgres", "SELECT 1", "DROP TABLE items, orders", nil, false},
		{"postgres", "CREATE FUNCTION f() RETURNS BIGINT LANGUAGE SQL BEGIN ATOMIC SELECT sum(total) FROM orders; END", "ALTER TABLE orders ALTER total TYPE BIGINT", []string{"alters the type of column total of orders: function f()"}, true},
		{"postgres", "CREATE FUNCTION f() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER t BEFORE UPDATE OF total ON orders FOR EACH ROW EXECUTE FUNCTION f()",
			"ALTER TABLE orders ALTER total TYPE BIGINT", []string{"alters the type of column total of orders: trigger t on table orders"}, true},
		{"postgres", "SELECT 1", "ALTER TABLE nowhere ALTER x TYPE INT", nil, true},
		{"mariadb", "CREATE VIEW site_report AS SELECT total FROM orders", "ALTER TABLE orders DROP COLUMN total, ADD COLUMN n INT", []string{"drops column total of orders: view site_report (the server lets it, and they are broken afterwards)"}, false},
		{"mariadb", "CREATE VIEW site_report AS SELECT total FROM orders", "ALTER TABLE orders CHANGE note text TEXT", nil, false},
		{"mariadb", "SELECT 1", "DROP TABLE orders", []string{"drops table orders: constraint items_ibfk_1 on table items"}, true},
	} {
		t.Run(c.kind+" "+c.sql, func(t *testing.T) {
			db, sql, _ := on[c.kind].open(t)
			text := tables
			if c.kind == "mariadb" {
				text = strings.ReplaceAll(text, `"`, "`")
			}
			sql(text + c.before)
			found, err := migration.Blocking(t.Context(), db, []migration.Script{script("1.sql", c.sql)})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, b := range found {
				lost := ""
				if b.Lost != "" {
					lost = " (" + b.Lost + ")"
				}
				got = append(got, b.What+": "+strings.Join(b.Objects, ", ")+lost)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if err := (&migration.Runner{DB: db}).Apply(t.Context(), script("1.sql", c.sql)); (err != nil) != c.refused {
				t.Errorf("the server says %v", err)
			}
		})
	}
}
