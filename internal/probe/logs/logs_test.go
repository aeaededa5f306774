package logs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC)

func TestParse(t *testing.T) {
	at := func(s string) time.Time {
		d, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, c := range []struct {
		name, line string
		level      Level
		time       time.Time
		text       string
	}{
		{"plain", "2026-01-09 08:00:00 ERROR cannot connect", Error, at("2026-01-09T08:00:00Z"), "ERROR cannot connect"},
		{"a comma before the fraction", "2026-01-09 08:00:00,250 [main] WARN  slow", Warning, at("2026-01-09T08:00:00.25Z"), "[main] WARN slow"},
		{"with a zone", "2026-01-09T10:00:00+02:00 error: x", Error, at("2026-01-09T08:00:00Z"), "error: x"},
		{"PostgreSQL", `2026-01-09 08:00:00.123 UTC [812] ERROR:  relation "users" does not exist`, Error, at("2026-01-09T08:00:00.123Z"), `[812] ERROR: relation "users" does not exist`},
		{"an error that is only spoken of", "2026-01-09 08:00:00 INFO [error-handler] no error: all fine", Info, at("2026-01-09T08:00:00Z"), "INFO [error-handler] no error: all fine"},
		{"syslog", "Jan  9 08:00:00 host app[12]: warning: disk", Warning, at("2026-01-09T08:00:00Z"), "host app[12]: warning: disk"},
		{"syslog of last year", "Dec 31 23:00:00 host app: error: x", Error, at("2025-12-31T23:00:00Z"), "host app: error: x"},
		{"Apache", "[Fri Jan 09 08:00:00.123456 2026] [core:error] [pid 9] AH001", Error, at("2026-01-09T08:00:00.123456Z"), "[core:error] [pid 9] AH001"},
		{"access log", "[09/Jan/2026:08:00:00 +0000] GET /", None, at("2026-01-09T08:00:00Z"), "GET /"},
		{"logfmt", `time=2026 level=error msg="it broke"`, Error, time.Time{}, `time=2026 level=error msg="it broke"`},
		{"JSON", `{"level":"error","time":"2026-01-09T08:00:00Z","msg":"it broke"}`, Error, at("2026-01-09T08:00:00Z"), "it broke"},
		{"JSON with numbers", `{"level":50,"time":1767945600000,"msg":"it broke"}`, Error, at("2026-01-09T08:00:00Z"), "it broke"},
		{"JSON of slog", `{"time":"2026-01-09T08:00:00.5Z","level":"WARN","msg":"slow"}`, Warning, at("2026-01-09T08:00:00.5Z"), "slow"},
		{"bars", "2026-01-09 08:00:00|12|Error|Orders|no stock", Error, at("2026-01-09T08:00:00Z"), "12 | Orders | no stock"},
		{"bars, the time behind", "Warning | web | 2026/01/09 08:00:00 | slow", Warning, at("2026-01-09T08:00:00Z"), "web | slow"},
		{"a table that is no log", "a | b | c", None, time.Time{}, "a | b | c"},
		{"broken JSON", `{"level":"error",`, None, time.Time{}, `{"level":"error",`},
		{"no date", "2026-99-99 08:00:00 ERROR x", Error, time.Time{}, "2026-99-99 08:00:00 ERROR x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, _ := newParser(Filter{Now: now, Zone: time.UTC}).parse(c.line)
			if e.Level != c.level || !e.Time.Equal(c.time) || e.Text != c.text {
				t.Errorf("%v %v %q, want %v %v %q", e.Level, e.Time, e.Text, c.level, c.time, c.text)
			}
		})
	}
}

const log = `2026-01-08 08:00:00 ERROR old
  at line 1
2026-01-09 09:00:00 INFO fine
2026-01-09 09:00:01 WARN slow
2026-01-09 09:00:02 ERROR broken
java.lang.IllegalState
	at App.main
2026-01-09 09:00:03 ERROR broken
`

func TestRead(t *testing.T) {
	day := time.Date(2026, 1, 9, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		want  Filter
		texts []string
		total int
	}{
		{Filter{Level: Error}, []string{"ERROR old", "ERROR broken"}, 3},
		{Filter{Level: Error, Since: day}, []string{"ERROR broken"}, 2},
		{Filter{Level: Warning, Since: day}, []string{"WARN slow", "ERROR broken"}, 3},
		{Filter{Level: Critical}, nil, 0},
	} {
		var f Found
		c.want.Now, c.want.Zone = now, time.UTC
		if err := f.Read(strings.NewReader(log), c.want); err != nil || !slices.Equal(f.Texts, c.texts) || f.Total != c.total {
			t.Errorf("%+v: %q, %d, %v; want %q, %d", c.want, f.Texts, f.Total, err, c.texts, c.total)
		}
	}
}

// What is kept is bounded, whatever a log holds.
func TestReadMuch(t *testing.T) {
	var b strings.Builder
	for i := range 3 * maxKept {
		fmt.Fprintf(&b, "ERROR number %d\n", i)
	}
	b.WriteString("ERROR " + strings.Repeat("long ", maxLine) + "\nERROR last")
	var f Found
	if err := f.Read(strings.NewReader(b.String()), Filter{Level: Error, Now: now}); err != nil || f.Total != 3*maxKept+2 || len(f.Texts) != maxKept || !f.More {
		t.Errorf("%d entries, %d texts, more %v, %v", f.Total, len(f.Texts), f.More, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(log)
	f.Add(`{"level":50,"time":1e300}` + "\n|Error||\n[09/Jan/2026:08:00:00 +9999] x")
	f.Fuzz(func(t *testing.T, s string) {
		var got Found
		if err := got.Read(strings.NewReader(s), Filter{Level: Debug, Now: now, Zone: time.UTC}); err != nil {
			t.Fatal(err)
		}
		if len(got.Texts) > got.Total || got.Total > strings.Count(s, "\n")+1 {
			t.Errorf("%d texts of %d entries", len(got.Texts), got.Total)
		}
		for _, text := range got.Texts {
			if strings.ContainsAny(text, "\n\r") || len([]rune(text)) > maxText+1 {
				t.Errorf("a text of several lines, or too long: %q", text)
			}
		}
	})
}
