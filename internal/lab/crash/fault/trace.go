package fault

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"upkeep/internal/lab/tap"
)

// Traced is an operation that a process has asked for.
type Traced struct {
	PID     int
	Process string // the command word
	N       int    // the operation's number in its process
	tap.Op
}

// Point names the operation.
func (o Traced) Point() string { return fmt.Sprintf("%s %d: %s", o.Process, o.N, o.Op) }

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

// Read reads the trace that processes have written, in the order in which the
// operations were asked for. That an operation has a half is told by a Torn
// that does nothing.
func Read(path string) ([]Traced, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []Traced
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 9 {
			return nil, fmt.Errorf("%s: a line of the trace cannot be read: %q", path, line)
		}
		o := Traced{Process: f[1], Op: tap.Op{Kind: f[3], Name: f[4], Site: f[7]}}
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
