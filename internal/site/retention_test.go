package site_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"upkeep/internal/site"
)

const day = 24 * time.Hour

func TestParseRetention(t *testing.T) {
	for text, want := range map[string]site.Retention{
		"3":                {Last: 3},
		"last 3":           {Last: 3},
		"30 days":          {For: 30 * day},
		"1 day":            {For: day},
		"2 weeks":          {For: 14 * day},
		"1 month":          {For: 31 * day},
		"last 3, 30 days":  {Last: 3, For: 30 * day},
		"30 days,last 3":   {Last: 3, For: 30 * day},
		"until-finished":   {UntilFinished: true},
		"1 year, last 100": {Last: 100, For: 366 * day},
	} {
		got, err := site.ParseRetention(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
		if again, err := site.ParseRetention(got.String()); err != nil || again != got {
			t.Errorf("%q: is said as %q, which reads %+v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "0", "last 0", "-1", "1001", "3 3", "last 3, last 4", "30 days, 2 weeks", "30days", "forever", "until-finished, 3", "200 years", "99999999999999999999", "3,"} {
		if r, err := site.ParseRetention(text); err == nil {
			t.Errorf("%q was read as %+v", text, r)
		}
	}
}

// FuzzParseRetention: whatever is read is said again in words that mean the same.
func FuzzParseRetention(f *testing.F) {
	for _, s := range []string{"3", "last 3, 30 days", "until-finished", "2 months"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := site.ParseRetention(text)
		if err != nil {
			return
		}
		if again, err := site.ParseRetention(r.String()); err != nil || again != r {
			t.Errorf("%q: %+v is said as %q: %+v, %v", text, r, r, again, err)
		}
	})
}

func TestSurplus(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(id, run string, days int) site.Kept {
		return site.Kept{ID: id, Run: run, Made: now.Add(-time.Duration(days) * day)}
	}
	timer := func(id string, days int) site.Kept {
		return site.Kept{ID: id, Timer: true, Made: now.Add(-time.Duration(days) * day)}
	}
	proven := func(k site.Kept) site.Kept { k.Proven = true; return k }
	runs := []site.Kept{at("a", "1", 50), at("hand", "", 200), at("b", "2", 40), at("c", "3", 20), at("d", "4", 10), at("e", "5", 0)}
	for name, c := range map[string]struct {
		keep   string
		points []site.Kept
		needed []string
		want   string
	}{
		"default":                      {"3", runs, nil, "a b"},
		"one":                          {"last 1", runs, nil, "a b c d"},
		"needed":                       {"last 1", runs, []string{"a"}, "b c d"},
		"days":                         {"30 days", runs, nil, "a b"},
		"either keeps":                 {"last 4, 15 days", runs, nil, "a"},
		"until finished":               {"until-finished", runs, []string{"e"}, "a b c d"},
		"a timer counts for itself":    {"last 2", append([]site.Kept{timer("t1", 3), timer("t2", 2), timer("t3", 1)}, runs...), nil, "a b c t1"},
		"until finished, a timer":      {"until-finished", []site.Kept{timer("t1", 3), timer("t2", 2), at("a", "1", 1)}, nil, "t1 a"},
		"the only proven one":          {"last 1", []site.Kept{proven(at("a", "1", 9)), proven(at("b", "2", 8)), at("c", "3", 7)}, nil, "a"},
		"another proven one stays":     {"last 1", []site.Kept{proven(at("a", "1", 9)), proven(at("c", "3", 7))}, nil, "a"},
		"a person's proven one stays ": {"last 1", []site.Kept{proven(at("a", "1", 9)), proven(at("hand", "", 300)), at("c", "3", 7)}, nil, "a"},
	} {
		r, err := site.ParseRetention(c.keep)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(r.Surplus(c.points, now, c.needed...), " "); got != c.want {
			t.Errorf("%s: %q goes, want %q", name, got, c.want)
		}
	}
}

// TestSurplusKeeps holds for any points: what is needed, what a person made, the
// newest by number or age, and a proven one where there was one.
func TestSurplusKeeps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		var points []site.Kept
		for i := range rapid.IntRange(0, 12).Draw(t, "points") {
			k := site.Kept{ID: fmt.Sprint("p", i), Made: now.Add(-time.Duration(rapid.IntRange(0, 60).Draw(t, "days")) * day), Proven: rapid.Bool().Draw(t, "proven")}
			switch rapid.IntRange(0, 2).Draw(t, "by") {
			case 0:
				k.Run = "run"
			case 1:
				k.Timer = true
			}
			points = append(points, k)
		}
		r := site.Retention{Last: rapid.IntRange(0, 5).Draw(t, "last"), For: time.Duration(rapid.IntRange(0, 40).Draw(t, "for")) * day, UntilFinished: rapid.Bool().Draw(t, "finished")}
		needed := fmt.Sprint("p", rapid.IntRange(0, 12).Draw(t, "needed"))
		gone := r.Surplus(points, now, needed)
		was, is, stay := false, false, 0
		for _, p := range points {
			out := slices.Contains(gone, p.ID)
			was, is = was || p.Proven, is || p.Proven && !out
			if out && (p.ID == needed || p.Run == "" && !p.Timer || r.For > 0 && now.Sub(p.Made) <= r.For) {
				t.Fatalf("%+v goes", p)
			}
			if !out && p.Run != "" {
				stay++
			}
		}
		if was && !is {
			t.Fatal("no proven one is left")
		}
		total := 0
		for _, p := range points {
			if p.Run != "" {
				total++
			}
		}
		if want := min(r.Or().Last, total); stay < want {
			t.Fatalf("%d of runs stay, want %d", stay, want)
		}
	})
}
