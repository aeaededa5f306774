package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"upkeep/internal/scope/proc"
)

// readProcess: "running" or "stopped", of a process by its name or, where the
// argument is a path, by its pid file. With the key "name" the process of a
// pid file must be of that name, since numbers are given anew.
func readProcess(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if !strings.ContainsAny(q.arg, `/\`) {
		return byName(ctx, q.arg)
	}
	text, err := slurp(ctx, e.deps.Files, q.arg)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Value{Text: "stopped", Present: true, Evidence: q.arg + " does not exist"}, nil
	case err != nil:
		return Value{}, err
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	pid, err := strconv.ParseInt(strings.TrimSpace(first), 10, 64)
	if err != nil || pid <= 0 || pid > math.MaxInt32 {
		return Value{}, unreadable(q.arg, errors.New("it does not begin with the number of a process"))
	}
	p, err := proc.Read(int(pid))
	want := q.Params["name"]
	switch {
	case err != nil && !errors.Is(err, proc.ErrGone):
		return Value{}, unreadable(q.arg, err)
	case err != nil || p.Dead():
		return Value{Text: "stopped", Present: true, Evidence: fmt.Sprintf("process %d of %s does not run", pid, q.arg)}, nil
	case want != "" && !isNamed(p, want):
		return Value{Text: "stopped", Present: true, Evidence: fmt.Sprintf("process %d of %s is now %s, not %s", pid, q.arg, p.Name, want)}, nil
	}
	return Value{Text: "running", Present: true, Evidence: fmt.Sprintf("process %d (%s) of %s runs", pid, p.Name, q.arg)}, nil
}

func byName(ctx context.Context, want string) (Value, error) {
	all, err := proc.All()
	if err != nil {
		return Value{}, unreadable(want, err)
	}
	var found []string
	for _, p := range all {
		if err := ctx.Err(); err != nil {
			return Value{}, err
		}
		if !p.Dead() && isNamed(p, want) {
			found = append(found, strconv.Itoa(p.PID))
		}
	}
	if len(found) == 0 {
		return Value{Text: "stopped", Present: true, Evidence: fmt.Sprintf("none of %d processes is named %s", len(all), want)}, nil
	}
	return Value{Text: "running", Present: true, Evidence: fmt.Sprintf("%s runs as process %s", want, oneLine(strings.Join(found, ", "), 60))}, nil
}

// maxName is where the kernel cuts a process's name (TASK_COMM_LEN, proc_pid_comm(5)).
const maxName = 15

// isNamed compares the kernel's name of a process; one that it has cut, with
// the program or its first argument too.
func isNamed(p proc.Proc, want string) bool {
	if len(want) <= maxName {
		return p.Name == want
	}
	if p.Name != want[:maxName] {
		return false
	}
	if exe, err := proc.Exe(p.PID); err == nil && filepath.Base(exe) == want {
		return true
	}
	args, err := proc.Args(p.PID)
	return err == nil && len(args) > 0 && filepath.Base(args[0]) == want
}
