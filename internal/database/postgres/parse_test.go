package postgres

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"upkeep/internal/database"

	"pgregory.net/rapid"
)

func TestNormal(t *testing.T) {
	for _, same := range [][]string{
		{ // as written first, and as read back (PostgreSQL 15)
			"CHECK (((status)::text = ANY ((ARRAY['new'::character varying, 'it''s'::character varying])::text[])))",
			"CHECK (((status)::text = ANY (ARRAY[('new'::character varying)::text, ('it''s'::character varying)::text])))",
		},
		{"a + (b * c)", "(a + b * c)"},
		{"x::numeric(10,2) = 1", "x=1", " x  =\n1"},
		{"x::double precision[] < 1", "x < 1"},
		{"x::timestamp(3) without time zone < y::time with time zone", "x < y"},
		{`x::app."odd ty(pe"[][] IS NULL`, "x IS NULL"},
		{"'1 day'::interval day to second(3) + 1", "'1 day' + 1"},
	} {
		for _, other := range same[1:] {
			if a, b := squeeze(normal(same[0])), squeeze(normal(other)); a != b {
				t.Errorf("not the same:\n%s\n%s", a, b)
			}
		}
	}
	for _, differ := range [][2]string{
		{"x = 'a'", "x = 'b'"},
		{"x = 'a (b)'", "x = 'a b'"},
		{"x = 'a::text'", "x = 'a'"},
		{`"a b" = 1`, `"ab" = 1`},
		{"$$ a (b) $$", "$$ a b $$"},
		{"$f$ x::int $f$", "$f$ x $f$"},
		{"a = $1", "a = $2"},
		{"E'it\\'s' || b", "E'it\\'s' || c"},
		{"a b", "ab"},
	} {
		if squeeze(normal(differ[0])) == squeeze(normal(differ[1])) {
			t.Errorf("the same: %q and %q are both %q", differ[0], differ[1], normal(differ[0]))
		}
	}
}

// squeeze leaves out what only parts words from signs.
func squeeze(s string) string {
	for _, sign := range []string{"=", "<", "+", "*", ",", "[", "]", "'"} {
		s = strings.ReplaceAll(strings.ReplaceAll(s, " "+sign, sign), sign+" ", sign)
	}
	return s
}

func FuzzNormal(f *testing.F) {
	f.Add("CHECK ((a)::character varying(10) = 'x'::text)")
	f.Add("$a$ $b$ $a$ E'\\' \" ::")
	f.Fuzz(func(t *testing.T, text string) {
		if got := normal(text); len(got) > len(text) {
			t.Fatalf("%q grew to %q", text, got)
		}
	})
}

func TestAddress(t *testing.T) {
	for _, c := range []struct {
		address string
		want    map[string]string // nil: refused
	}{
		{"postgres://ada:p%40ss@db:5433/shop?sslmode=disable", map[string]string{"user": "ada", "password": "p@ss", "host": "db", "port": "5433", "dbname": "shop", "sslmode": "disable"}},
		{"postgresql://[::1]:5432/a%20b", map[string]string{"host": "::1", "port": "5432", "dbname": "a b"}},
		{"postgres://db1,db2:1/x", map[string]string{"host": "db1,db2", "port": ",1", "dbname": "x"}},
		{"postgres:///shop?host=/run/postgresql", map[string]string{"host": "/run/postgresql", "dbname": "shop"}},
		{"host=db dbname = shop password='it\\'s \\\\ x' user=ada", map[string]string{"host": "db", "dbname": "shop", "password": `it's \ x`, "user": "ada"}},
		{"host=db password=''", map[string]string{"host": "db", "password": ""}},
		{"host=db password='x", nil},
		{"host", nil},
		{"=x", nil},
		{"", nil},
		{"postgres://a:%zz@h/d", nil},
	} {
		got, err := keywords(c.address)
		if (err == nil) != (c.want != nil) {
			t.Errorf("%q: %v", c.address, err)
			continue
		}
		if diff := cmp.Diff(c.want, got); c.want != nil && diff != "" {
			t.Errorf("%q: %s", c.address, diff)
		}
	}
	// What a driver of the product's understands does not reach the server.
	got, err := parse("postgres://a:b@127.0.0.1:1/d?sslmode=disable&pool_max_conns=3&application_name=shop&binary_parameters=yes&search_path=app")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"search_path": "app"}, got.config.RuntimeParams); diff != "" {
		t.Error(diff)
	}
	env := strings.Join(got.environment("upkeep/x"), " ")
	for _, want := range []string{"PGHOST=127.0.0.1", "PGPORT=1", "PGUSER=a", "PGDATABASE=d", "PGSSLMODE=disable", "PGAPPNAME=upkeep/x", "LC_ALL=C"} {
		if !strings.Contains(env, want) {
			t.Errorf("environment %q lacks %s", env, want)
		}
	}
}

// TestAddressWords: whatever the values are, both forms and pgx agree on them.
func TestAddressWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[ -~äß]{1,20}`)
		want := map[string]string{"host": "h", "dbname": value.Draw(t, "name"), "user": value.Draw(t, "user"), "password": value.Draw(t, "password")}
		got, err := fromWords(conninfo(want))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		target, err := parse(conninfo(want))
		if err != nil {
			t.Fatal(err)
		}
		if c := target.config; c.Database != want["dbname"] || c.User != want["user"] || c.Password != want["password"] {
			t.Fatalf("pgx reads %q, %q, %q", c.Database, c.User, c.Password)
		}
	})
}

func FuzzAddress(f *testing.F) {
	f.Add("postgres://u:secret@h:1,h2/d?x=y")
	f.Add("host='a b' port=1 password=secret")
	f.Fuzz(func(t *testing.T, address string) {
		if _, err := parse(address); err != nil && len(address) > 20 && strings.Contains(err.Error(), address) {
			t.Fatalf("the message shows the address: %v", err)
		}
	})
}

func TestEntries(t *testing.T) {
	text := ";\n; Archive created at 2026-01-01\n;     dbname: a b\n" +
		"2; 3079 16385 EXTENSION - uuid-ossp \n" +
		"3500; 0 0 COMMENT - EXTENSION uuid-ossp \n" +
		"210; 1259 16400 TABLE app users ada\n" +
		"3490; 0 16400 TABLE DATA app odd name ada\n" +
		"3491; 0 16400 SUBSCRIPTION - from afar ada\n"
	c := parseContents([]byte(text))
	var got []string
	for _, e := range c.entries {
		got = append(got, e.kind+"/"+e.name)
	}
	want := []string{"EXTENSION/uuid-ossp", "COMMENT/EXTENSION uuid-ossp", "TABLE/users", "TABLE DATA/odd name", "SUBSCRIPTION/from afar"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !c.has("EXTENSION", "uuid-ossp") || c.has("TABLE", "uuid-ossp") {
		t.Error("has is wrong")
	}
	if c.without(func(entry) bool { return false }) != nil {
		t.Error("a list although nothing is left out")
	}
	list := string(c.without(func(e entry) bool { return e.kind == "SUBSCRIPTION" }))
	if want := strings.Replace(text, "3491;", ";3491;", 1); list != want {
		t.Error(cmp.Diff(want, list))
	}
}

func FuzzEntries(f *testing.F) {
	f.Add("2; 3079 16385 EXTENSION - uuid-ossp \n")
	f.Add(";\n1; \n2; 1 \n3; 1 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		c := parseContents([]byte(text))
		all := c.without(func(entry) bool { return true })
		if len(c.entries) > 0 && len(all) != len(text)+len(c.entries) {
			t.Fatalf("%d entries, list of %d bytes from %d", len(c.entries), len(all), len(text))
		}
	})
}

func TestAppName(t *testing.T) {
	long := "run-2026-01-01/" + strings.Repeat("ü", 60)
	for _, id := range []string{"", "run-1/backup/do", long, long + "x"} {
		name := AppName(id)
		if len(name) > 63 || !strings.HasPrefix(name, "upkeep/") || strings.ToValidUTF8(name, "?") != name {
			t.Errorf("AppName(%q) = %q", id, name)
		}
	}
	if AppName(long) == AppName(long+"x") {
		t.Error("two operations share a name")
	}
}

func TestAtLine(t *testing.T) {
	sql := "SELECT 'ü';\nSELECT nothing;\n"
	said := &pgconn.PgError{Message: "column does not exist", Position: int32(len([]rune("SELECT 'ü';\nSELECT ")) + 1)}
	if err := atLine(database.Statement{Text: sql, Begin: 1, Line: 1}, said, errors.New("column does not exist")); err.Error() != "line 2: column does not exist" {
		t.Error(err)
	}
}
