package probe

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"upkeep/internal/document"
	"upkeep/internal/probe/logs"
)

// maxLogs bounds how many files a pattern may stand for.
const maxLogs = 1000

// readLog: the entries of a log that are of a level or worse, and not older
// than "since": their texts, each once, without their times. The last element
// of a path may be a pattern; files that were last written before "since" are
// passed by, and those that end in .gz are unpacked. A log may lie in several
// places, as when it is gathered from them later.
func readLog(ctx context.Context, e *Evaluator, q query) (Value, error) {
	want, err := q.logFilter(e.deps.Now())
	if err == nil && q.Params["since"] == lastRun {
		want.Since, err = e.lastRun(ctx)
	}
	if err != nil {
		return Value{}, err
	}
	var paths, nowhere []string
	for _, arg := range q.Args {
		some, err := e.logFiles(ctx, arg, want.Since)
		if err != nil {
			return Value{}, err
		}
		if len(some) == 0 && !strings.ContainsAny(filepath.Base(arg), "*?[") {
			nowhere = append(nowhere, arg)
		}
		paths = append(paths, some...)
	}
	if len(nowhere) == len(q.Args) {
		return Value{Evidence: strings.Join(nowhere, " and ") + " does not exist, or was not written since then"}, nil
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	var found logs.Found
	for _, path := range paths {
		if err := e.readOneLog(ctx, path, &found, want); err != nil {
			return Value{}, err
		}
	}
	v := Value{Text: strings.Join(found.Texts, "\n"), Present: found.Total > 0}
	v.Evidence = logEvidence(strings.Join(q.Args, " and "), len(paths), found, want)
	if len(nowhere) > 0 {
		v.Evidence += "; " + strings.Join(nowhere, " and ") + " does not exist, or was not written since then"
	}
	return v, nil
}

// lastRun is the word for the moment at which the last run began.
const lastRun = "last-run"

// lastRun gives that moment; zero, any age, when there was no run yet.
func (e *Evaluator) lastRun(ctx context.Context) (time.Time, error) {
	if e.deps.LastRun == nil {
		return time.Time{}, unreadable("", errors.New("the runs of the installation are not known here"))
	}
	at, _, err := e.deps.LastRun(ctx)
	if err != nil {
		return time.Time{}, unreadable("", fmt.Errorf("cannot tell when the last run was: %w", err))
	}
	return at, nil
}

func logEvidence(name string, files int, found logs.Found, want logs.Filter) string {
	where := name
	if files != 1 {
		where = fmt.Sprintf("%d files of %s", files, name)
	}
	since := ""
	if !want.Since.IsZero() {
		since = " since " + want.Since.UTC().Format("2006-01-02 15:04 UTC")
	}
	if found.Total == 0 {
		return fmt.Sprintf("nothing of level %s or worse%s in %s, %d other entries", want.Level, since, where, found.Passed)
	}
	s := fmt.Sprintf("%d entries of level %s or worse%s in %s, %d different, the worst is %s", found.Total, want.Level, since, where, len(found.Texts), found.Worst)
	if found.More {
		s = strings.Replace(s, " different", " different and more", 1)
	}
	if !found.Last.IsZero() {
		s += ", the last " + found.Last.UTC().Format("2006-01-02 15:04 UTC")
	}
	return s
}

func checkLog(q query) error {
	_, err := q.logFilter(time.Now())
	return err
}

// logFilter reads the keys "level" (warning when it is not given) and "since",
// a span or a moment; that of the last run is read later.
func (q query) logFilter(now time.Time) (logs.Filter, error) {
	f := logs.Filter{Level: logs.Warning, Now: now}
	for _, arg := range q.Args {
		if _, err := filepath.Match(filepath.Base(arg), ""); err != nil || arg == "" {
			return f, malformed("%q is no path, and no pattern", arg)
		}
	}
	if name, set := q.Params["level"]; set {
		var err error
		if f.Level, err = logs.ParseLevel(name); err != nil {
			return f, malformed("%w", err)
		}
	}
	text, set := q.Params["since"]
	if !set || text == "" || text == lastRun {
		return f, nil
	}
	if span, err := document.ParseDuration(text); err == nil && span > 0 {
		f.Since = now.Add(-span)
		return f, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			f.Since = t
			return f, nil
		}
	}
	return f, malformed("its since %q is neither a time such as 2d, nor a moment such as 2026-01-31T20:00:00Z, nor last-run", text)
}

// logFiles are the files that the path stands for, as they are named.
func (e *Evaluator) logFiles(ctx context.Context, path string, since time.Time) ([]string, error) {
	dir, pattern := filepath.Split(path)
	entries, err := e.deps.Files.ReadDir(dir)
	if err != nil {
		if errors.Is(cause(err), fs.ErrNotExist) {
			return nil, nil
		}
		return nil, unreadable(dir, cause(err))
	}
	var out []string
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if match, _ := filepath.Match(pattern, entry.Name); !match && entry.Name != pattern || entry.Type.IsDir() {
			continue
		}
		at := filepath.Join(dir, entry.Name)
		info, err := e.deps.Files.Stat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist): // rotated away meanwhile
			continue
		case err != nil:
			return nil, unreadable(at, cause(err))
		case !info.IsRegular() || info.MTime.Before(since):
			continue
		}
		if out = append(out, at); len(out) > maxLogs {
			return nil, unreadable(path, fmt.Errorf("it stands for more than %d files", maxLogs))
		}
	}
	return out, nil
}

func (e *Evaluator) readOneLog(ctx context.Context, path string, found *logs.Found, want logs.Filter) error {
	f, err := openRegular(e.deps.Files, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	var in io.Reader = cancellable{ctx, f}
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(in); err != nil {
			return unreadable(path, err)
		}
	}
	if err := found.Read(in, want); err != nil {
		return unreadable(path, cause(err))
	}
	return nil
}
