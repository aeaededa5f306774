package probe

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestLog_S4_35(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC)
	path := write(t, filepath.Join(dir, "app.log"), "2026-01-09T08:00:00Z ERROR old\n2026-01-10T11:00:00Z WARN slow\n2026-01-10T11:30:00Z ERROR broken\n2026-01-10T11:31:00Z ERROR broken\n")
	clean := write(t, filepath.Join(dir, "clean.log"), "2026-01-10T11:00:00Z INFO fine\n")
	write(t, filepath.Join(dir, "err_20260109.log"), "2026-01-09T08:00:00Z|Error|of the 9th\n")
	write(t, filepath.Join(dir, "err_20260110.log"), "2026-01-10T08:00:00Z|Error|of the 10th\n")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte("2026-01-10T07:00:00Z|Error|packed\n")); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "err_20260110.log.1.gz"), packed.String())
	old := filepath.Join(dir, "err_20260109.log")
	if err := os.Chtimes(old, now.Add(-28*time.Hour), now.Add(-28*time.Hour)); err != nil {
		t.Fatal(err)
	}
	e := New(Deps{Now: func() time.Time { return now }})
	for _, r := range []row{
		{p: probe("log", path), got: "ERROR old WARN slow ERROR broken", evidence: "4 entries of level warning or worse in " + path + ", 3 different, the worst is error, the last 2026-01-10 11:31 UTC"},
		{p: probe("log", path, "level=error", "since=1d"), got: "ERROR broken", evidence: "2 entries of level error or worse since 2026-01-09 12:00 UTC"},
		{p: probe("log", path, "level=error", "since=2026-01-10T11:31:00Z"), got: "ERROR broken", evidence: "1 entries"},
		{p: probe("log", path, "level=critical"), ok: true, got: "none", evidence: "nothing of level critical or worse in " + path + ", 4 other entries"},
		{p: probe("log", path, "since=10m"), ok: true, got: "none"},
		{p: probe("log", clean), ok: true, got: "none"},
		{p: probe("log", path, "level=error", "expect=present"), ok: true, got: "ERROR old ERROR broken"},
		{name: "pattern", p: probe("log", filepath.Join(dir, "err_*"), "since=1d"), got: "of the 10th packed", evidence: "2 entries of level warning or worse since 2026-01-09 12:00 UTC in 2 files of"},
		{name: "no file of a pattern", p: probe("log", filepath.Join(dir, "none_*")), ok: true, got: "none", evidence: "0 files of"},
		{name: "no such file", p: probe("log", filepath.Join(dir, "none")), ok: true, got: "none", evidence: "does not exist"},
		{name: "no such folder", p: probe("log", filepath.Join(dir, "none", "x")), ok: true, got: "none", evidence: "does not exist"},
		{name: "no gzip", p: probe("log", write(t, filepath.Join(dir, "x.gz"), "not packed at all")), err: "gzip: invalid header"},
		{name: "level", p: probe("log", path, "level=bad"), err: `"bad" is no level: use debug, info`},
		{name: "since", p: probe("log", path, "since=soon"), err: `its since "soon" is neither a time such as 2d`},
		{name: "pattern that is none", p: probe("log", filepath.Join(dir, "[")), err: "is no path, and no pattern"},
	} {
		r.check(t, e)
	}
}

// A log may lie in several places, and be of interest since the last upgrade.
func TestLogOfSeveralPlaces(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC)
	here := write(t, filepath.Join(dir, "err_20260110.log"), "2026-01-10T11:00:00Z|Error|here\n2026-01-08T11:00:00Z|Error|before\n")
	write(t, filepath.Join(dir, "all", "err_20260109.log"), "2026-01-09T11:00:00Z|Error|gathered\n")
	p := probe("log", here, "level=error")
	p.Args = append(p.Args, filepath.Join(dir, "all", "err_*.log"), filepath.Join(dir, "none.log"))
	row{p: p, got: "gathered here before", evidence: "in 2 files of " + here + " and "}.check(t, New(Deps{}))
	row{p: p, got: "gathered here before", evidence: "; " + dir + "/none.log does not exist"}.check(t, New(Deps{}))
	p.Args = []string{here, here}
	row{name: "named twice", p: p, got: "here before", evidence: "2 entries"}.check(t, New(Deps{}))
	p.Args = []string{dir + "/a", dir + "/b"}
	row{name: "nowhere", p: p, ok: true, got: "none", evidence: dir + "/a and " + dir + "/b does not exist"}.check(t, New(Deps{}))

	since := func(at time.Time, known bool, err error) *Evaluator {
		return New(Deps{Now: func() time.Time { return now }, LastRun: func(context.Context) (time.Time, bool, error) { return at, known, err }})
	}
	p = probe("log", here, "level=error", "since=last-run")
	row{p: p, got: "here", evidence: "1 entries of level error or worse since 2026-01-09 00:00 UTC"}.check(t, since(time.Date(2026, 1, 9, 0, 0, 0, 0, time.UTC), true, nil))
	row{name: "no run yet", p: p, got: "here before"}.check(t, since(time.Time{}, false, nil))
	row{p: p, err: "cannot tell when the last run was: damaged"}.check(t, since(time.Time{}, false, errors.New("damaged")))
	row{p: p, err: "the runs of the installation are not known here"}.check(t, New(Deps{}))
}
