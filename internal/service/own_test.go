package service

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLastLines(t *testing.T) {
	long := strings.Repeat("  at: undefined,\n", 30)
	tail := strings.TrimRight(strings.Repeat("  at: undefined,\n", 10), "\n")
	for name, c := range map[string]struct{ log, want string }{
		"short":                      {"starting\nerror: no such table\nbye\n", "starting\nerror: no such table\nbye"},
		"a long account":             {"starting\nerror: relation exists\n" + long, "error: relation exists\n…\n" + tail},
		"the first complaint":        {"[ERROR] one\nerror: two\n" + long, "[ERROR] one\n…\n" + tail},
		"no complaint":               {"starting\n" + long, tail},
		"a complaint among the last": {long + "FATAL: it\n", strings.TrimRight(strings.Repeat("  at: undefined,\n", 9), "\n") + "\nFATAL: it"},
		"nothing":                    {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			earlier := "error: of an earlier start\n"
			if err := os.WriteFile(path, []byte(earlier+c.log), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := LastLines(path, int64(len(earlier))); got != c.want {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("error: "+strings.Repeat("é", 40<<10)), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := LastLines(path, 0); len(got) > mostBytes+600 {
		t.Errorf("%d bytes", len(got))
	}
}

func FuzzParsePIDFile(f *testing.F) {
	for _, s := range []string{"12\n", " 12 \n/data\n", "", "-1", "1", "x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if pid, ok := ParsePIDFile(b); ok && pid <= 1 {
			t.Errorf("%q gave %d", b, pid)
		}
	})
}
