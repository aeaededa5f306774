package process

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"upkeep/internal/e2e/sitetest"
)

// Seen is what is looked at from outside.
type Seen struct {
	Snapshot string // files, services, modes
	Data     string // every row of the sample product's database but those of the users of the test
}

// Look takes it.
func Look(w *World) Seen {
	w.T.Helper()
	s := Seen{Snapshot: w.settled(w.Snapshot())}
	if w.Users || w.Notes {
		s.Data = rows.ReplaceAllString(applied.ReplaceAllString(theirs.ReplaceAllString(w.Rows("data/notes.db"), ""), "'*'"), "'*','*',*")
		s.Snapshot = database.ReplaceAllString(s.Snapshot, "$1 *")
	}
	return s
}

var (
	// theirs are the rows of the test's users.
	theirs = regexp.MustCompile(`(?m)^.*(` + author + `|'Written by users [0-9]+').*\n?`)
	// applied is when a migration was applied.
	applied = regexp.MustCompile(`'[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?Z'`)
	// rows is how many rows a statement has changed, which depends on what users
	// had written by then.
	rows = regexp.MustCompile(`'\*','\*',[0-9]+`)
	// database is the line of the sample product's database, whose rows are compared one by one.
	database = regexp.MustCompile(`(?m)^(data/notes\.db) .*$`)
	// own is what is new in every run: its name, times of migrations, secrets.
	own = regexp.MustCompile(`(?m)[0-9]{8}-[0-9]{6}-[0-9a-f]{4}(-[0-9]+)?|^([^ ]*\.db|data/private-token|installation\.yaml) .*$|^\.[a-z]+\.upkeep/[^ ]*\.json .*$`)
)

// comparable takes out what differs between two sites.
func comparable(s string) string { return own.ReplaceAllString(s, "*") }

// Verdict is what the oracle says.
type Verdict struct {
	Result string // new, old, milestone; between where it is none of them
	Wrong  string // empty: all is well
}

// ask is the status, as far as it is needed.
type ask struct {
	Installed []struct{ Component, Release string }
	Last      *struct {
		ID, Result, Version string
		Closed              time.Time
	}
	Open json.RawMessage
}

// Judge looks at everything once a command has ended with the code. before is
// what was seen before the run, after what an undisturbed run ended with.
// nothing says that no run was opened.
func Judge(w *World, code int, before, after Seen, nothing bool) Verdict {
	w.T.Helper()
	if w.users != nil {
		w.users.rest()
	}
	v := Verdict{Result: map[int]string{0: "new", 6: "old", 9: "milestone"}[code]}
	var wrong []string
	say := func(what, text string) {
		if text != "" {
			wrong = append(wrong, what+":\n"+text)
		}
	}
	got := Look(w)
	switch {
	case nothing || v.Result == "old":
		v.Result = "old"
		say("it is not as it was", sitetest.Diff(before.Snapshot, got.Snapshot))
		say("the data are not as they were", sitetest.Diff(before.Data, got.Data))
	case code == 8 && w.Code == 0 && onlyCleanUp(w):
		v.Result = "new"
		say("it is not as after a run that nobody disturbed", sitetest.Diff(comparable(tidied(after.Snapshot)), comparable(tidied(got.Snapshot))))
		say("the data are not as after a run that nobody disturbed", sitetest.Diff(after.Data, got.Data))
	case v.Result == "" || code != w.Code:
		v.Result = "between"
		say("it ended neither new nor old", fmt.Sprintf("exit code %d", code))
	default:
		say("it is not as after a run that nobody disturbed", sitetest.Diff(comparable(after.Snapshot), comparable(got.Snapshot)))
		say("the data are not as after a run that nobody disturbed", sitetest.Diff(after.Data, got.Data))
	}
	if w.users != nil && !w.Discards {
		say("users", w.users.check(w.Rows("data/notes.db")))
	}
	say("the journal", agrees(w, v.Result, nothing))
	if left := Leftovers(w); code == 8 {
		say("left over", strings.TrimSpace(tidied(left+"\n")))
	} else {
		say("left over", left)
	}
	say("a second recovery changed something", idle(w))
	if v.Wrong = strings.Join(wrong, "\n"); v.Wrong != "" {
		v.Result = "between"
	}
	return v
}

// removable is what only a clean-up removes: the next run's does it where this one's failed.
var removable = regexp.MustCompile(`(?m)^(in the product's folder: )?\.[a-z]+\.upkeep(/[^ \n]*)?( .*)?\n|^in Upkeep's folder: restore-points/.*\n`)

func tidied(s string) string { return removable.ReplaceAllString(s, "") }

// onlyCleanUp says whether the last run is on the new version and says that its
// clean-up failed, and nothing else.
func onlyCleanUp(w *World) bool {
	w.T.Helper()
	var shown struct {
		Result string
		Work   []string
	}
	r := w.Upkeep("runs", "show", "--format", "json")
	return json.Unmarshal([]byte(r.Out), &shown) == nil && shown.Result == "new" && slices.Equal(shown.Work, []string{"clean-up"})
}

// agrees says where the journal does not say what is there.
func agrees(w *World, result string, nothing bool) string {
	w.T.Helper()
	r := w.Upkeep("status", "--format", "json")
	var a ask
	if err := json.Unmarshal([]byte(r.Out), &a); err != nil || r.Code != 0 {
		return fmt.Sprintf("status: %v\n%v", err, r)
	}
	if len(a.Open) > 0 && string(a.Open) != "null" {
		return "a run is open: " + r.Out
	}
	if nothing {
		return ""
	}
	want := map[string]string{"old": w.From, "new": w.To, "milestone": w.To}[result]
	if a.Last == nil || a.Last.Result != result || a.Last.Version != want || a.Last.Closed.IsZero() {
		return fmt.Sprintf("it ended %s on %q, and status says %s", result, want, r.Out)
	}
	for _, i := range a.Installed {
		if result != "old" && i.Release != want {
			return fmt.Sprintf("the record has %s of %s, and the run ended on %s", i.Component, i.Release, want)
		}
	}
	return ""
}

// idle gives the ordinary commands once more: nothing must change.
func idle(w *World) string {
	w.T.Helper()
	was := still(w)
	if r := w.Upkeep("resume"); r.Code != 0 || !strings.Contains(r.Out, "no open run") {
		return r.String()
	}
	return sitetest.Diff(was, still(w))
}

// moving are files that change when somebody merely looks.
var moving = regexp.MustCompile(`(?m)^(product/upkeep/(lock|services/[^ ]*\.log)|trace|marks[^ ]*) .*\n`)

func still(w *World) string { return moving.ReplaceAllString(w.Everything(), "") }

// known is what Upkeep's own folder holds when no run is open.
var known = regexp.MustCompile(`^(journal\.db(-wal|-shm)?|lock|document|site\.key|bundles|runs|services|restore-points|people|rehearsal\.json|scheduled\.(json|lock)|notifications\.(json|lock)|adopted(/.*)?|bundles/[0-9a-f]{64}(/.*)?|runs/RUN|runs/RUN/(log|events\.jsonl|forecast\.json|told\.json|engine\.log|approval\.json|vouched(/.*)?|memos|memos/[^/]+\.json|results|results/[^/]+|precopy-RUN-[a-z0-9]+)|services/[^/]+\.(pid|log|units)|restore-points/RUN-(origin|m[0-9]+|hand)(/[^/]+)?|people/[^/]+|standards(/[^/]+\.json)?|feed(/(lock|index\.json|state\.json|metadata(/[^/]+\.json)?|coming|releases(/[^/.][^/]*(/.*)?)?))?)$`)

// half are names of what is half made.
var half = regexp.MustCompile(`\.partial$|\.new$|\.upkeep-tmp-|(^|/)\.upkeep-[^/]|\.upkeep-[0-9a-f]{12}$|\.inhibit$|(^|/)reserve$|/\.upkeep-carried$`)

// runID is a run's name.
var runID = regexp.MustCompile(`[0-9]{8}-[0-9]{6}-[0-9a-f]{4}(-[0-9]+)?`)

// Leftovers lists what no ended run may leave: in the product's folder, in
// Upkeep's own, among temporary files, among processes and control groups.
func Leftovers(w *World) string {
	w.T.Helper()
	var left []string
	walk(w.State, func(rel string) {
		if !known.MatchString(runID.ReplaceAllString(rel, "RUN")) || half.MatchString(rel) {
			left = append(left, "in Upkeep's folder: "+rel)
		}
	})
	walk(w.Root, func(rel string) {
		if !strings.HasPrefix(rel, "upkeep/") && half.MatchString(rel) {
			left = append(left, "in the product's folder: "+rel)
		}
	})
	walk(w.Temp, func(rel string) { left = append(left, "a temporary file: "+rel) })
	walk(filepath.Join(w.Dir, "home"), func(rel string) {
		if half.MatchString(rel) {
			left = append(left, "in the account's folder: "+rel)
		}
	})
	journal := w.Upkeep("runs", "list", "--format", "json")
	for _, dir := range w.Runs() {
		id := filepath.Base(dir)
		if !strings.Contains(journal.Out, id) {
			left = append(left, "a folder of a run that was never opened: "+id)
		}
		for _, pattern := range []string{"/sys/fs/cgroup/upkeep/op-*", "/sys/fs/cgroup/unified/upkeep/op-*"} {
			if found, _ := filepath.Glob(pattern + id + "*"); len(found) > 0 {
				left = append(left, fmt.Sprintf("control groups: %v", found))
			}
		}
	}
	return strings.Join(append(left, processes(w)...), "\n")
}

func walk(root string, see func(rel string)) {
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && path != root {
			rel, _ := filepath.Rel(root, path)
			see(rel)
		}
		return nil // what vanishes meanwhile is not left over
	})
}

// processes are those of Upkeep that name the site: engines, pages, children.
// An engine that has closed its run may take a moment to end.
func processes(w *World) (left []string) {
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		left = nil
		list, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, path := range list {
			text, err := os.ReadFile(path)
			line := strings.ReplaceAll(string(text), "\x00", " ")
			if err == nil && strings.HasPrefix(line, w.Bin) && strings.Contains(line, w.Dir+"/") && !strings.Contains(line, " demo serve ") {
				left = append(left, "a process: "+line)
			}
		}
		if len(left) == 0 || time.Now().After(end) {
			return left
		}
	}
}
