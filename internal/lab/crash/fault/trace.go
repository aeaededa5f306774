package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"upkeep/internal/lab/tap"
)

// word is the command word of this process.
func word() string {
	for _, a := range os.Args[1:] {
		if !strings.HasPrefix(a, "-") {
			return a
		}
	}
	return ""
}

// trace is one write, so that lines of several processes stay whole.
func (f *Faults) trace(n int, op tap.Op) {
	if f.Trace == "" {
		return
	}
	w, err := os.OpenFile(f.Trace, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return
	}
	defer w.Close()
	fmt.Fprintf(w, "%d\t%s\t%d\t%s\t%s\t%q\t%q\t%s\t%t\n", os.Getpid(), word(), n, op.Kind, op.Name, op.Path, op.Other, op.Site, op.Torn != nil)
}

// idle notes an operation that fails, or changes nothing: a folder is made that
// is there, what is not there is removed.
func (f *Faults) idle(n int, op tap.Op, do func() error) func() error {
	if f.Idle == "" {
		return do
	}
	return func() error {
		_, absent := os.Lstat(op.Path)
		err := do()
		if err == nil && (op.Name != "MkdirAll" || absent != nil) && (op.Name != "RemoveAll" || absent == nil) {
			return nil
		}
		if w, werr := os.OpenFile(f.Idle, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666); werr == nil {
			fmt.Fprintf(w, "%d %d\n", os.Getpid(), n)
			w.Close()
		}
		return err
	}
}

// Effective reads a trace, and leaves out what the file of Idle names.
func Effective(trace, idle string) ([]tap.Traced, error) {
	all, err := Read(trace)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(idle)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	out := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		out[strings.TrimSpace(line)] = true
	}
	return slices.DeleteFunc(all, func(o tap.Traced) bool { return out[fmt.Sprintf("%d %d", o.PID, o.N)] }), nil
}

// Read reads the trace that processes have written, in the order in which the
// operations were asked for. That an operation has a half is told by a Torn
// that does nothing.
func Read(path string) ([]tap.Traced, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []tap.Traced
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 9 {
			return nil, fmt.Errorf("%s: a line of the trace cannot be read: %q", path, line)
		}
		o := tap.Traced{Process: f[1], Op: tap.Op{Kind: f[3], Name: f[4], Site: f[7]}}
		for _, number := range []struct {
			to   *int
			text string
		}{{&o.PID, f[0]}, {&o.N, f[2]}} {
			if *number.to, err = strconv.Atoi(number.text); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
		}
		for _, quoted := range []struct {
			to   *string
			text string
		}{{&o.Path, f[5]}, {&o.Other, f[6]}} {
			if *quoted.to, err = strconv.Unquote(quoted.text); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
		}
		if f[8] == "true" {
			o.Torn = func() error { return nil }
		}
		out = append(out, o)
	}
	return out, nil
}
