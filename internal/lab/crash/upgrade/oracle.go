package upgrade

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"upkeep/internal/run"
)

// product is everything that the run may change of the product and of the
// site's own document, without the books: users write in those. What a kept
// old tree says of itself differs from run to run; that it is there does not.
func (s *Scenario) product(w *World) string {
	var out []string
	for line := range strings.Lines(w.Disk.Snapshot(s.p.Root, s.p.Document)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasSuffix(strings.Fields(line)[2], "data/books.txt") {
			line = strings.Join(strings.Fields(line)[:3], " ")
		}
		if at := besides.FindStringIndex(line); at != nil {
			line = line[:at[1]]
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// besides is the record beside a kept tree.
var besides = regexp.MustCompile(`\.[a-z]+\.upkeep/[^ ]*\.json`)

// books are what the books must say: every row of before, and of users, as each
// migration changes it.
func (s *Scenario) books(w *World, back bool) string {
	schema := w.schema()
	want := []string{"schema " + schema}
	rows := []row{{"row a", "1"}, {"row b", "1"}}
	if s.Fresh {
		rows = nil
	}
	if !s.Return || !back { // otherwise what was done since the upgrade is discarded, as the plan says
		rows = append(rows, w.Wrote...)
	}
	for _, r := range rows {
		for _, v := range []string{"2", "3"} {
			if r.schema < v && v <= schema {
				r.text += "." + v
			}
		}
		want = append(want, r.text)
	}
	return strings.Join(want, "\n") + "\n"
}

// own is what has another name in every run.
var own = regexp.MustCompile(`[0-9]{8}-[0-9]{6}-[0-9a-f]{4}(-[0-9]+)?`)

// state lists what lies in Upkeep's own folder, and beside the product, by
// name only. The run's own folder is its record.
func (s *Scenario) state(w *World) string {
	var out []string
	for _, name := range names(w, filepath.Dir(s.p.Root)) {
		if !strings.HasPrefix(name, s.p.Root+"/") && !strings.Contains(name, "/runs/"+s.id+"/") {
			out = append(out, own.ReplaceAllString(name, "RUN"))
		}
	}
	return strings.Join(out, "\n")
}

func names(w *World, dir string) []string {
	list, err := w.Disk.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range list {
		at := filepath.Join(dir, e.Name)
		out = append(out, at)
		if e.Type.IsDir() {
			out = append(out, names(w, at)...)
		}
	}
	return out
}

// judge says what is wrong with the end of a run; empty when it is on the new
// version or exactly on the old one.
func (s *Scenario) judge(w *World, v verdict) string {
	var bad []string
	say := func(format string, a ...any) { bad = append(bad, fmt.Sprintf(format, a...)) }
	bad = append(bad, w.Wrongs...)
	switch {
	case v.err != nil:
		say("the engine gave up: %v", v.err)
	case v.waiting != nil:
		say("it waits at %s", v.waiting.Step.ID)
	case v.closed == nil:
		say("it is not closed")
	}
	if len(bad) > 0 {
		return strings.Join(bad, "\n")
	}
	want := s.new
	if v.closed.Result == run.ResultOld {
		want = s.old
	} else if v.closed.Result != s.Ends {
		say("it ended as %s", v.closed.Result)
	}
	if s.Return && v.closed.Result == run.ResultNew {
		want = s.new
	}
	if d := diff(want, s.product(w)); d != "" {
		say("it is %s, but not as it must be:\n%s", v.closed.Result, d)
	}
	if got := w.read("data/books.txt"); got != s.books(w, v.closed.Result == run.ResultNew) && w.read("data/SCHEMA") != "" {
		say("the books hold %q, want %q", got, s.books(w, v.closed.Result == run.ResultNew))
	}
	if there := w.read("more/extra/tree/VERSION") != ""; there != s.added(v.closed.Result) {
		say("what was to be added is there: %v", there)
	}
	if _, err := w.Disk.Lstat(filepath.Join(s.p.Root, "more")); (err == nil) != s.added(v.closed.Result) {
		say("the folder above what was to be added is there: %v", err == nil)
	}
	if why := w.mixed(); why != "" {
		say("it ended mixed: %s", why)
	}
	if held, registered := w.held(); held != registered {
		say("held: %v, and in the register of holds: %v", held, registered)
	}
	if w.Gate {
		say("the gate is still up")
	}
	fresh := s.Fresh && v.closed.Result == run.ResultOld
	for _, id := range services {
		if (w.Running[id] != 0) == fresh {
			say("service %s: running is %v", id, w.Running[id] != 0)
		}
	}
	if d := diff(s.kept, s.state(w)); d != "" && v.closed.Result == run.ResultNew {
		say("left over, or missing:\n%s", d)
	} else if d := over(d); d != "" && v.closed.Result == s.Ends { // how far it came, the restore points tell
		say("left over:\n%s", d)
	}
	for _, name := range names(w, filepath.Dir(s.p.Root)) {
		for _, p := range []string{".upkeep-tmp-", ".partial", ".inhibit", "/reserve", ".new-"} {
			if strings.Contains(strings.TrimPrefix(name, filepath.Dir(s.p.Root)), p) {
				say("left over: %s", name)
			}
		}
	}
	return strings.Join(bad, "\n")
}

// added says whether what is chosen is there at the end.
func (s *Scenario) added(r run.Result) bool {
	return len(s.Req.Choose) > 0 && r != run.ResultMilestone && (r == run.ResultNew) != s.Return
}

// diff gives the lines that only one of two texts has.
func diff(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	var out []string
	for _, l := range a {
		if !slices.Contains(b, l) {
			out = append(out, "- "+l)
		}
	}
	for _, l := range b {
		if !slices.Contains(a, l) {
			out = append(out, "+ "+l)
		}
	}
	return strings.Join(out, "\n")
}

// over gives of a difference what there is too much.
func over(d string) string {
	var out []string
	for _, l := range strings.Split(d, "\n") {
		if strings.HasPrefix(l, "+ ") {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}
