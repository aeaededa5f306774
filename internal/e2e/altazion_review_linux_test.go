package e2e

import (
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"upkeep/internal/e2e/sitetest"
	"upkeep/internal/lab"
	"upkeep/internal/manage"
)

// TestAltazionStandards writes the standards of the example anew, with
// UPKEEP_STANDARDS=1: each is that of a fresh database of its release.
func TestAltazionStandards(t *testing.T) {
	lab.Slow(t)
	s := sitetest.New(t, sitetest.Options{Example: "altazion", Version: "20.4"})
	folder, err := sitetest.Examples()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"20.4", "20.5", "20.6"} {
		s.Bundle(v)
		if v != "20.4" {
			s.Must(0, "upgrade", "--yes", "--from", s.Releases, "--to", v)
		}
		made := s.Copy(s.Source(v), "made-"+v)
		if err := os.RemoveAll(filepath.Join(made, "standard")); err != nil {
			t.Fatal(err)
		}
		s.Must(0, "vendor", "standard", "database", "-o", made, "--from", s.Releases)
		const name = "standard/database/sqlite-3.json"
		got, err := os.ReadFile(filepath.Join(made, name))
		if err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(folder, "altazion/releases", v, name)
		if os.Getenv("UPKEEP_STANDARDS") != "" {
			if err := os.MkdirAll(filepath.Dir(at), 0o755); err == nil {
				err = os.WriteFile(at, got, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(at); err != nil || string(want) != string(got) {
			t.Errorf("the standard of %s is another one (%v):\n%s", v, err, got)
		}
	}
}

const altazionDB = "database/altazion.db"

// alter carries out SQL on the customer's database, as its administrator does.
func alter(t *testing.T, s *sitetest.Site, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(s.Root, altazionDB))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(text); err != nil {
		t.Fatal(err)
	}
}

// customised is the example with a database that the customer has changed: a view
// with a column of its own, a table and an index beside the vendor's, and what
// happens when an order is taken.
func customised(t *testing.T) *sitetest.Site {
	s := altazion(t)
	alter(t, s, `DROP VIEW price_list;
CREATE VIEW price_list AS SELECT id, label, price, price * 1.2 AS with_tax FROM articles;
CREATE TABLE loyalty (customer TEXT PRIMARY KEY, points INTEGER NOT NULL);
CREATE INDEX orders_by_customer ON orders (customer);
DROP TRIGGER order_taken;
CREATE TRIGGER order_taken AFTER INSERT ON orders BEGIN INSERT OR REPLACE INTO loyalty VALUES (NEW.customer, NEW.quantity); END;`)
	return s
}

// TestAltazionReview_S3_standin: SQLite stands in for SQL Server, a trigger for
// a procedure.
func TestAltazionReview_S3_standin(t *testing.T) {
	s := customised(t)
	before := s.Snapshot()
	refused := s.Must(3, "upgrade", "--yes", "--from", s.Releases)
	t.Run("S3_16_not_automatic_standin", func(t *testing.T) {
		wants(t, flat(refused.Err), `✗ the upgrade cannot start; nothing was changed - the database database is not migrated automatically`)
		if d := sitetest.Diff(before, s.Snapshot()); d != "" {
			t.Errorf("something was changed:\n%s", d)
		}
		s.Must(3, "plan", "--from", s.Releases)
		wants(t, flat(s.Must(3, "check", "--from", s.Releases).Out), `database database is not migrated automatically`)
	})
	t.Run("S3_17_what_is_customised_standin", func(t *testing.T) {
		wants(t, flat(s.Must(4, "drift", "--from", s.Releases).Out), `database: 4 objects differ, compared with the standard of release 20\.4 table loyalty added .* table orders changed .*orders_by_customer.* trigger order_taken on orders changed .* view price_list changed .*with_tax`)
	})
	t.Run("S3_18_why_and_the_objects_standin", func(t *testing.T) {
		wants(t, flat(refused.Err), `4 objects differ from the standard of release 20\.4, and what the scripts of the release do to it cannot be known\. 4 scripts are left of 4 .* customised in database: table loyalty added table orders changed trigger order_taken on orders changed view price_list changed → upkeep review --from `)
	})
	t.Run("S3_18_what_cannot_be_told_is_not_taken_for_none_standin", func(t *testing.T) {
		src := s.Copy(s.Source("20.5"), "blind")
		if err := os.RemoveAll(filepath.Join(src, "from/20.4/standard")); err != nil {
			t.Fatal(err)
		}
		blind := filepath.Join(s.Dir, "blind.tar.zst")
		s.Build(src, blind)
		wants(t, flat(s.Must(3, "upgrade", "--yes", "--from", blind).Err), `not migrated automatically: whether it is customised is not known: there is nothing to compare it with.*4 scripts are left of 4`)
		wants(t, flat(s.Must(3, "review", "list", "--from", blind).Out), `\? database: what is customised is not known`)
	})
}

// The scripts are looked at one by one, in order, over several sessions; the run
// carries out exactly what was decided, and the next upgrade starts from there.
func TestAltazionReview_S3_19_standin(t *testing.T) {
	lab.Slow(t)
	s := customised(t)
	from := []string{"--from", s.Releases}
	review := func(code int, args ...string) string {
		t.Helper()
		r := s.Must(code, append(append([]string{"review"}, args...), from...)...)
		return flat(r.Out + r.Err)
	}
	list := func(t *testing.T, code int) *manage.Review {
		t.Helper()
		r := &manage.Review{}
		if err := json.Unmarshal([]byte(s.Must(code, append([]string{"review", "list", "--format", "json"}, from...)...).Out), r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	before := s.Snapshot()
	t.Run("shown", func(t *testing.T) {
		wants(t, review(3), `☞ migrations/010_currency\.sql to be decided ☞ migrations/020_price_list\.sql to be decided mentions view price_list ☞ migrations/030_customers\.sql to be decided mentions .*orders`)
		text := s.Must(0, append([]string{"review", "show", "020_price_list.sql"}, from...)...).Out
		wants(t, text, `2 of 4 +migrations/020_price_list\.sql .*view price_list, changed here, in lines 2, 3\n(.*\n)*? +- .*\n +\+ .*with_tax.*\n\n +1  -- the price list shows it\n▸ +2  DROP VIEW "price_list";\n▸ +3  CREATE VIEW "price_list" AS\n +4 `)
		wants(t, s.Must(0, append([]string{"review", "show", "010_currency.sql"}, from...)...).Out, `it mentions no customised object by name`)
	})
	t.Run("in_order", func(t *testing.T) {
		wants(t, review(3, "approve", "020_price_list.sql"), `cannot decide migrations/020_price_list\.sql yet.*next is migrations/010_currency\.sql`)
		wants(t, review(3, "approve", "099.sql"), `there is no script "099\.sql" to review.*010_currency`)
		if n := len(list(t, 3).Open()); n != 4 {
			t.Errorf("%d are open", n)
		}
	})
	mine := filepath.Join(s.Dir, "mine.sql")
	t.Run("decided_over_several_sessions", func(t *testing.T) {
		wants(t, review(0, "approve", "010_currency.sql"), `✓ migrations/010_currency\.sql: approved — .* 1 of 4 scripts are decided`)
		write := func(text string) {
			if err := os.WriteFile(mine, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write("COMMIT; DROP TABLE orders;")
		wants(t, review(3, "edit", "020_price_list.sql", "--file", mine), `cannot take the edited.*COMMIT`)
		write("DROP VIEW price_list;\nCREATE VIEW price_list AS\n  SELECT id, label, price, currency, price * 1.2 AS with_tax\n  FROM articles;\n")
		wants(t, review(0, "edit", "020_price_list.sql", "--file", mine, "--note", "our column stays"), `edited by the site \(sha256 [0-9a-f]{12}\) — .*: our column stays .*\+ SELECT id, label, price, currency, price \* 1\.2 AS with_tax`)
		wants(t, review(3, "done", "030_customers.sql"), `say what was done in its place`)
		s.Must(3, append([]string{"upgrade", "--yes"}, from...)...)
		wants(t, review(0, "done", "030_customers.sql", "--note", "we have that index"), `done by hand, will not run — .*: we have that index`)
		wants(t, flat(s.Must(3, append([]string{"upgrade", "--yes"}, from...)...).Err), `1 script is left of 4`)
		review(0, "approve", "040_release.sql")
		if d := sitetest.Diff(before, s.Snapshot()); d != "" {
			t.Errorf("something was changed:\n%s", d)
		}
	})
	t.Run("an_object_that_changes_again_is_looked_at_again", func(t *testing.T) {
		alter(t, s, "DROP INDEX orders_by_customer")
		wants(t, review(3, "list"), `☞ migrations/030_customers\.sql to be decided .* decided it \(done\) on .*, and the customised objects that it mentions have changed since`)
		alter(t, s, "CREATE INDEX orders_by_customer ON orders (customer)")
		review(0, "list")
	})
	t.Run("a_script_that_changes_is_looked_at_again", func(t *testing.T) {
		src := s.Copy(s.Source("20.5"), "other")
		s.Replace(filepath.Join(src, "migrations/010_currency.sql"), "EUR", "CHF")
		other := filepath.Join(s.Dir, "other.tar.zst")
		s.Build(src, other)
		wants(t, flat(s.Must(3, "review", "list", "--from", other).Out), `☞ migrations/010_currency\.sql to be decided ✓ migrations/020_price_list\.sql edited by the site`)
	})
	plan := s.Must(0, append([]string{"plan"}, from...)...).Out
	t.Run("in_the_plan", func(t *testing.T) {
		wants(t, flat(plan), `Scripts for a customised database ✓ migrations/010_currency\.sql approved — .* ✓ migrations/020_price_list\.sql edited by the site .*\+ SELECT id, label, price, currency, price \* 1\.2 AS with_tax .*✓ migrations/030_customers\.sql done by hand, will not run.*4 scripts, 1 edited by the site, 1 done by hand`)
		id := regexp.MustCompile(`plan ([0-9a-f]{12})`).FindStringSubmatch(plan)[1]
		review(0, "edit", "020_price_list.sql", "--file", mine, "--note", "another note")
		wants(t, flat(s.Must(1, append([]string{"upgrade", "--plan", id, "--yes"}, from...)...).Err), `is not the plan that would be carried out now .* what was decided of the script migrations/020_price_list\.sql was edit by .* and is edit by`)
	})
	s.Must(0, append([]string{"upgrade", "--yes"}, from...)...)
	t.Run("carried_out_as_decided", func(t *testing.T) {
		rows := s.Rows(altazionDB)
		wants(t, rows, `view price_list CREATE VIEW price_list AS\n  SELECT id, label, price, currency, price \* 1\.2 AS with_tax`)
		wants(t, rows, `index orders_by_customer CREATE INDEX orders_by_customer ON orders \(customer\)\n`)
		wants(t, rows, `table articles CREATE TABLE articles .*currency TEXT NOT NULL DEFAULT 'EUR'`)
		if v := s.Query(altazionDB, "SELECT version FROM release"); len(v) != 1 || v[0] != "20.5" {
			t.Errorf("the version is %v", v)
		}
	})
	t.Run("recorded", func(t *testing.T) {
		wants(t, s.Log(), `010_currency\.sql: as the vendor has it, approved by .*020_price_list\.sql: as edited by the site \(sha256 [0-9a-f]{12} in the place of the vendor's [0-9a-f]{12}\), decided by .*030_customers\.sql: not carried out, done by hand says .*: we have that index`)
		wants(t, flat(s.Must(0, "migrations", "list").Out), `020_price_list\.sql edited by the site \(sha256 [0-9a-f]{12} in the place of the vendor's [0-9a-f]{12}\), applied .*030_customers\.sql done by hand, recorded as applied .*we have that index`)
		s.Must(0, "migrations", "validate")
		wants(t, flat(s.Must(0, "runs", "show", filepath.Base(s.Runs()[0])).Out), `020_price_list\.sql edited by the site .*another note`)
	})
	t.Run("the_next_upgrade_starts_from_there", func(t *testing.T) {
		s.Bundle("20.6")
		out := review(3, "list")
		wants(t, out, `table loyalty added accepted: it is what run .* left on .*, on version 20\.5.*view price_list changed accepted: it is what run`)
		wants(t, out, `☞ migrations/050_returns\.sql to be decided mentions trigger order_taken on orders ☞ migrations/060_release\.sql to be decided`)
		if strings.Contains(out, "010_currency") {
			t.Error("what was applied is asked again")
		}
		alter(t, s, "ALTER TABLE loyalty ADD COLUMN since TEXT")
		if out := review(3, "list"); regexp.MustCompile(`table loyalty added accepted`).MatchString(out) {
			t.Errorf("what was changed since counts as accepted: %s", out)
		}
		review(0, "approve", "050_returns.sql")
		review(0, "approve", "060_release.sql")
		s.Must(0, append([]string{"upgrade", "--yes"}, from...)...)
	})
}

// At a terminal the upgrade leads through the scripts by itself; what was decided
// when the person stops is kept.
func TestAltazionReviewAtTheTerminal_S3_19_standin(t *testing.T) {
	lab.Slow(t)
	s := customised(t)
	editor := filepath.Join(s.Dir, "editor")
	if err := os.WriteFile(editor, []byte("#!/bin/sh\nsed -i 's/currency/currency, price * 1.2 AS with_tax/' \"$1\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.Env = append(s.Env, "EDITOR="+editor)
	talk := func(code int, keys ...string) string {
		t.Helper()
		term := inTerminal(t, s.Command(t.Context(), "upgrade", "--from", s.Releases))
		for _, k := range keys {
			time.Sleep(100 * time.Millisecond)
			term.typed(t, k+"\n")
		}
		if got := term.ended(t); got != code {
			t.Errorf("exit code %d, want %d", got, code)
		}
		return regexp.MustCompile("\x1b\\[[0-9;?]*[a-zA-Z]").ReplaceAllString(<-term.text, "")
	}
	before := s.Snapshot()
	first := talk(5, "a", "s")
	wants(t, flat(first), `Review altazion 20\.4 → 20\.5 ! database is customised: 4 objects differ.*1 of 4 .*010_currency.* approve, edit, mark as done, or stop for now: .*approved.*2 of 4 .*020_price_list.*1 of 4 scripts are decided; what was decided is kept.*Nothing was changed`)
	if d := sitetest.Diff(before, s.Snapshot()); d != "" {
		t.Errorf("something was changed:\n%s", d)
	}
	second := talk(0, "e", "d", "we have it", "a", "y")
	wants(t, flat(second), `2 of 4 .*020_price_list.*edited by the site.*3 of 4.*What was done in its place.*done by hand.*all 4 scripts are decided.*Upgrade altazion from 20\.4 to 20\.5 by this plan.*altazion is on 20\.5, verified`)
	wants(t, s.Rows(altazionDB), `SELECT id, label, price, currency, price \* 1\.2 AS with_tax`)
	if os.Getenv("UPKEEP_SHOW") != "" {
		t.Log(first + second)
	}
}
