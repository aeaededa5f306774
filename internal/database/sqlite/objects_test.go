package sqlite

import (
	"strings"
	"testing"
)

func TestSqueezeAndLined(t *testing.T) {
	for in, want := range map[string]string{
		"CREATE TABLE t (a INT, -- one, two\n  b TEXT DEFAULT 'x, -- y',\n CHECK (a IN (1, 2)), \"c d\" INT)": "TABLE t\n  \"c d\" INT\n  a INT\n  b TEXT DEFAULT 'x, -- y'\n  CHECK (a IN (1, 2))",
		"CREATE TABLE \"t\"\t(a INT /* a ( comment */ PRIMARY KEY)  WITHOUT ROWID":                            "TABLE t WITHOUT ROWID\n  a INT PRIMARY KEY",
		"CREATE VIRTUAL TABLE t USING fts5(b, a)":                                                             "CREATE VIRTUAL TABLE t USING fts5(b, a)",
		"CREATE TABLE t AS SELECT 1":                                                                          "CREATE TABLE t AS SELECT 1",
	} {
		if got := lined("t", squeeze(in)); got != want {
			t.Errorf("%q became\n%q, want\n%q", in, got, want)
		}
	}
}

func FuzzLined(f *testing.F) {
	f.Add("CREATE TABLE t (a INT, b TEXT DEFAULT ']', CHECK (a > 1)) STRICT")
	f.Add("CREATE TABLE [a]]] (/* '")
	f.Fuzz(func(t *testing.T, text string) {
		once := squeeze(text)
		lined("t", once)
		if strings.Count(once, "'") > strings.Count(text, "'") {
			t.Errorf("%q became %q", text, once)
		}
	})
}
