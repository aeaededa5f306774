package probe

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"upkeep/internal/document"
	"upkeep/internal/probe/logs"
)

// maxLogs bounds how many files a pattern may stand for.
const maxLogs = 1000

// readLog: the entries of a log that are of a level or worse, and not older
// than "since": their texts, each once, without their times. The last element
// of the path may be a pattern; files that were last written before "since" are
// passed by, and those that end in .gz are unpacked.
func readLog(ctx context.Context, e *Evaluator, q query) (Value, error) {
	want, err := q.logFilter(e.deps.Now())
	if err != nil {
		return Value{}, err
	}
	paths, err := e.logFiles(ctx, q.arg, want.Since)
	if err != nil {
		return Value{}, err
	}
	if len(paths) == 0 && !strings.ContainsAny(filepath.Base(q.arg), "*?[") {
		return Value{Evidence: q.arg + " does not exist, or was not written since then"}, nil
	}
	var found logs.Found
	for _, path := range paths {
		if err := e.readOneLog(ctx, path, &found, want); err != nil {
			return Value{}, err
		}
	}
	v := Value{Text: strings.Join(found.Texts, "\n"), Present: found.Total > 0}
	v.Evidence = logEvidence(q.arg, len(paths), found, want)
	return v, nil
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
// a span or a moment.
func (q query) logFilter(now time.Time) (logs.Filter, error) {
	f := logs.Filter{Level: logs.Warning, Now: now}
	if _, err := filepath.Match(filepath.Base(q.arg), ""); err != nil {
		return f, malformed("%q is no path, and no pattern", q.arg)
	}
	if name, set := q.Params["level"]; set {
		var err error
		if f.Level, err = logs.ParseLevel(name); err != nil {
			return f, malformed("%w", err)
		}
	}
	text, set := q.Params["since"]
	if !set || text == "" {
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
	return f, malformed("its since %q is neither a time such as 2d nor a moment such as 2026-01-31T20:00:00Z", text)
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
