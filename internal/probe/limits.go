package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
)

// limitNames are the kernel's names of limits (proc_pid_limits(5)).
func limitNames() map[string]string {
	return map[string]string{"open-files": "Max open files", "processes": "Max processes", "locked-memory": "Max locked memory",
		"core": "Max core file size", "stack": "Max stack size", "address-space": "Max address space"}
}

// readLimits: a limit that holds for a running process, named as for the source
// process; the lowest where there are several. What an account would have can
// be told of no system: it is given where a process is started.
func readLimits(ctx context.Context, e *Evaluator, q query) (Value, error) {
	what := q.Select
	if what == "" {
		what = "open-files"
	}
	found, evidence, err := e.processes(ctx, q)
	if err != nil {
		return Value{}, err
	}
	lowest, whose := int64(-1), ""
	for _, p := range found {
		path := "/proc/" + strconv.Itoa(p.PID) + "/limits"
		text, err := slurp(ctx, e.deps.Files, path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has ended meanwhile
		}
		if err != nil {
			return Value{}, err
		}
		n, err := limitOf(string(text), limitNames()[what])
		if err != nil {
			return Value{}, unreadable(path, err)
		}
		if lowest < 0 || n < lowest {
			lowest, whose = n, p.String()
		}
	}
	if lowest < 0 {
		return Value{Evidence: evidence}, nil
	}
	v := Value{Text: strconv.FormatInt(lowest, 10), Present: true, Evidence: fmt.Sprintf("process %s may have %d %s", whose, lowest, what)}
	if lowest == math.MaxInt64 {
		v.Evidence = fmt.Sprintf("process %s has no limit of %s", whose, what)
	}
	return v, nil
}

// limitOf finds the limit that holds (the soft one) in the text of
// /proc/PID/limits. Unlimited is the greatest number.
func limitOf(text, name string) (int64, error) {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, name+" ")
		f := strings.Fields(rest)
		if !ok || len(f) == 0 {
			continue
		}
		if f[0] == "unlimited" {
			return math.MaxInt64, nil
		}
		n, err := strconv.ParseInt(f[0], 10, 64)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("%s is %q", name, oneLine(f[0], 40))
		}
		return n, nil
	}
	return 0, fmt.Errorf("it does not say %s", name)
}
