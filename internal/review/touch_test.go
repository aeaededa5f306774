package review

import (
	"fmt"
	"strings"
	"testing"

	"upkeep/internal/drift"
)

func object(kind, name, on string) drift.Difference {
	return drift.Difference{Kind: kind, Name: name, On: on, How: drift.Changed, Want: "a", Have: "b"}
}

// What a script mentions is found however the name is written, and nothing in
// comments or beside it.
func TestTouches(t *testing.T) {
	names := object("view", "public.names", "")
	upper := object("table", `public."Orders"`, "")
	odd := object("table", `"my schema"."a.b ""c"""`, "")
	total := object("function", "public.total(integer, text)", "")
	trigger := object("trigger", "touch", "public.names")
	plain := object("table", "names", "")
	for _, c := range []struct {
		kind, script string
		object       drift.Difference
		lines        string
	}{
		{"postgres", "DROP VIEW names;", names, "1"},
		{"postgres", "DROP VIEW NaMes;", names, "1"},
		{"postgres", "\n\nDROP VIEW public . names;", names, "3"},
		{"postgres", `DROP VIEW "public"."names";`, names, "1"},
		{"postgres", "SELECT names.id FROM public.names, names;\nSELECT 1;\nSELECT 1 FROM names", names, "1,3"},
		{"postgres", "SELECT shop.public.names.id", names, "1"},
		{"postgres", `DROP VIEW "Names"; DROP VIEW other.names; DROP VIEW my_names; SELECT x.names.y`, names, ""},
		{"postgres", "-- names\n/* names /* names */ names */ SELECT 1", names, ""},
		{"postgres", "SELECT '\nnames'; SELECT E'\\' names'", names, "2"},
		{"postgres", "DO $$ BEGIN\n EXECUTE 'ALTER VIEW na''mes' || 'names'; END $$", names, "2"},
		{"postgres", "DO $a$ -- names\n$a$; SELECT $1names", names, ""},
		{"postgres", "COPY names FROM STDIN;\n1\n\\.\n", names, "1"},
		{"postgres", "SELECT $names$x$names$, $1", names, ""},
		{"postgres", `SELECT * FROM "Orders"`, upper, "1"},
		{"postgres", `SELECT * FROM Orders`, upper, ""},
		{"postgres", `DROP TABLE "my schema"."a.b ""c"""`, odd, "1"},
		{"postgres", "DROP FUNCTION total(integer, text)", total, "1"},
		{"postgres", "DROP TRIGGER Touch ON x", trigger, "1"},
		{"postgres", "ALTER TABLE names ADD x int", trigger, "1"},
		{"mariadb", "ALTER TABLE `names` ADD x int", plain, "1"},
		{"mariadb", "ALTER TABLE NAMES ADD x int", plain, "1"},
		{"mariadb", "ALTER TABLE shop.names ADD x int", plain, "1"},
		{"mariadb", `SET sql_mode = 'ANSI_QUOTES'; ALTER TABLE "names" ADD x int`, plain, "1"},
		{"mariadb", "/*!50003 ALTER TABLE\nnames ADD x int */", plain, "2"},
		{"mariadb", "/*M! ALTER TABLE names */", plain, "1"},
		{"mariadb", "# names\n-- names\n/* names */ SELECT 5--names", plain, "3"},
		{"mariadb", "PREPARE s FROM 'DROP TABLE names'", plain, "1"},
		{"sqlite", "DROP TABLE [names]; DROP TABLE `NAMES`", plain, "1"},
		{"sqlite", `DROP TABLE main."Names"`, plain, "1"},
		{"sqlite", "DROP TABLE names2; DROP TABLE sur_names", plain, ""},
		{"postgres", "", names, ""},
		{"postgres", "names", names, "1"},
		{"postgres", `"names`, names, "1"},
		{"postgres", "$$names", names, "1"},
		{"postgres", "'names", names, "1"},
		{"postgres", "public.", names, ""},
	} {
		got := ""
		for _, touch := range Touches(c.kind, c.script, []drift.Difference{c.object, object("view", "public.another", "")}) {
			if touch.Object().ID() != c.object.Object().ID() {
				t.Errorf("%s %q touches %s", c.kind, c.script, touch.Object().ID())
			}
			got = strings.Trim(strings.ReplaceAll(fmt.Sprint(touch.Lines), " ", ","), "[]")
		}
		if got != c.lines {
			t.Errorf("%s %q mentions %s in lines %q, want %q", c.kind, c.script, c.object.Object().ID(), got, c.lines)
		}
	}
}

// Whatever a script holds, it is gone through to its end, and a name that is
// written behind it on a line of its own is found unless the text leaves
// something open.
func FuzzTouches(f *testing.F) {
	for _, s := range []string{"", "SELECT 1;", "-- x\n'", "$$", "/*", "E'\\", "[a", "`", "a.b.", "\xff\x00", "$a$ $a$ '' \"\" /* /* */"} {
		for i := range 3 {
			f.Add(i, s)
		}
	}
	kinds := []string{"postgres", "mariadb", "sqlite"}
	f.Fuzz(func(t *testing.T, i int, script string) {
		kind := kinds[((i%3)+3)%3]
		all := []drift.Difference{object("table", "zebra_stripe", "")}
		touched := Touches(kind, script, all)
		for _, touch := range touched {
			for _, l := range touch.Lines {
				if l < 1 || l > strings.Count(script, "\n")+1 {
					t.Errorf("line %d of %q", l, script)
				}
			}
		}
		if strings.Contains(strings.ToLower(script), "zebra") {
			return
		}
		if len(touched) > 0 {
			t.Errorf("%q touches %v", script, touched)
		}
		if !strings.ContainsAny(script, "'\"`[$/\\.") && len(Touches(kind, script+"\n;zebra_stripe", all)) != 1 {
			t.Errorf("%s: what comes behind %q is not found", kind, script)
		}
	})
}
