package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"upkeep/internal/probe/mounts"
)

// readMount: on which mount a path lies, which need not exist yet: its type,
// or what is selected: "options", "source", "at", and "network", which is yes
// when another computer keeps the content.
func readMount(ctx context.Context, e *Evaluator, q query) (Value, error) {
	m, err := e.mountOf(ctx, q.arg)
	if err != nil {
		return Value{}, err
	}
	v := Value{Present: true, Evidence: fmt.Sprintf("%s lies on %s, %s of %s", q.arg, m.At, m.Type, oneLine(m.Source, 80))}
	switch q.Select {
	case "options":
		v.Text = strings.Join(m.Options, ",")
	case "source":
		v.Text = m.Source
	case "at":
		v.Text = m.At
	case "network":
		v.Text = yesNo(m.Network())
	default:
		v.Text = m.Type
	}
	return v, nil
}

func (e *Evaluator) mountOf(ctx context.Context, path string) (mounts.Mount, error) {
	const list = "/proc/self/mountinfo"
	if !filepath.IsAbs(path) {
		return mounts.Mount{}, malformed("%q is no whole path", oneLine(path, 80))
	}
	text, err := slurp(ctx, e.deps.Files, list)
	if errors.Is(err, fs.ErrNotExist) {
		return mounts.Mount{}, unreadable(path, errLinuxOnly)
	}
	if err != nil {
		return mounts.Mount{}, err
	}
	m, ok := mounts.Of(mounts.Parse(string(text)), resolved(path))
	if !ok {
		return m, unreadable(path, errors.New(list+" names no mount that it lies on"))
	}
	return m, nil
}

// resolved follows the links of a path as far as it exists.
func resolved(path string) string {
	for dir, rest := filepath.Clean(path), ""; ; {
		if real, err := filepath.EvalSymlinks(dir); err == nil || dir == filepath.Dir(dir) {
			return filepath.Join(cmp.Or(real, dir), rest)
		}
		dir, rest = filepath.Dir(dir), filepath.Join(filepath.Base(dir), rest)
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
