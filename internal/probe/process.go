package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"upkeep/internal/scope/proc"
)

// readProcess: "running" or "stopped", of a process by its name or, where the
// argument is a path, by its pid file; with the selector count, how many there
// are. With the key "name" the process of a pid file must be of that name,
// since numbers are given anew; with "user" only those of that account count.
func readProcess(ctx context.Context, e *Evaluator, q query) (Value, error) {
	found, evidence, err := e.processes(ctx, q)
	if err != nil {
		return Value{}, err
	}
	v := Value{Text: "stopped", Present: true, Evidence: evidence}
	switch {
	case q.Select == "count":
		v.Text = strconv.Itoa(len(found))
	case len(found) > 0:
		v.Text = "running"
	}
	return v, nil
}

// processes are those that a name or a pid file stands for, with what was found.
func (e *Evaluator) processes(ctx context.Context, q query) ([]proc.Proc, string, error) {
	found, evidence, err := e.anyones(ctx, q)
	name, set := q.Params["user"]
	if err != nil || !set || len(found) == 0 {
		return found, evidence, err
	}
	who, err := user.Lookup(name)
	if err != nil {
		return nil, "", unreadable(q.arg, fmt.Errorf("there is no account %s: create it, or name another", name))
	}
	var theirs []proc.Proc
	for _, p := range found {
		if info, err := e.deps.Files.Stat("/proc/" + strconv.Itoa(p.PID)); err == nil && strconv.FormatUint(uint64(info.UID), 10) == who.Uid {
			theirs = append(theirs, p)
		}
	}
	if len(theirs) < len(found) {
		evidence = fmt.Sprintf("%d of %d processes are of %s: %s", len(theirs), len(found), name, evidence)
	}
	return theirs, evidence, nil
}

func (e *Evaluator) anyones(ctx context.Context, q query) ([]proc.Proc, string, error) {
	if !strings.ContainsAny(q.arg, `/\`) {
		return e.byName(ctx, q.arg)
	}
	text, err := slurp(ctx, e.deps.Files, q.arg)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, q.arg + " does not exist", nil
	case err != nil:
		return nil, "", err
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	pid, err := strconv.ParseInt(strings.TrimSpace(first), 10, 64)
	if err != nil || pid <= 0 || pid > math.MaxInt32 {
		return nil, "", unreadable(q.arg, errors.New("it does not begin with the number of a process"))
	}
	p, err := proc.Read(int(pid))
	want := q.Params["name"]
	switch {
	case err != nil && !errors.Is(err, proc.ErrGone):
		return nil, "", unreadable(q.arg, err)
	case err != nil || p.Dead():
		return nil, fmt.Sprintf("process %d of %s does not run", pid, q.arg), nil
	case want != "" && !isNamed(p, want):
		return nil, fmt.Sprintf("process %d of %s is now %s, not %s", pid, q.arg, p.Name, want), nil
	}
	return []proc.Proc{p}, fmt.Sprintf("process %d (%s) of %s runs", pid, p.Name, q.arg), nil
}

func (e *Evaluator) byName(ctx context.Context, want string) ([]proc.Proc, string, error) {
	all, err := e.sitting.processes()
	if err != nil {
		return nil, "", unreadable(want, err)
	}
	var found []proc.Proc
	var numbers []string
	for _, p := range all {
		if err := ctx.Err(); err != nil {
			return nil, "", err
		}
		if !p.Dead() && isNamed(p, want) {
			found, numbers = append(found, p), append(numbers, strconv.Itoa(p.PID))
		}
	}
	if len(found) == 0 {
		return nil, fmt.Sprintf("none of %d processes is named %s", len(all), want), nil
	}
	return found, fmt.Sprintf("%s runs as process %s", want, oneLine(strings.Join(numbers, ", "), 60)), nil
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
