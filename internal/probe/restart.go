package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"upkeep/internal/scope/proc"
)

// rebootRequired is what Debian's and Ubuntu's packages write when they want
// the computer to be rebooted (update-notifier, unattended-upgrades, needrestart).
const rebootRequired = "/run/reboot-required"

// readRestart: "pending" when the operating system (os) waits for a reboot, or
// when processes still use program libraries that were replaced (libraries);
// none otherwise.
func readRestart(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if runtime.GOOS != "linux" {
		return Value{}, unreadable(q.arg, errLinuxOnly)
	}
	if q.arg == "libraries" {
		return replaced(ctx)
	}
	_, err := e.deps.Files.Stat(rebootRequired)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Value{Evidence: "no reboot is pending: there is no " + rebootRequired}, nil
	case err != nil:
		return Value{}, unreadable(rebootRequired, cause(err))
	}
	v := Value{Text: "pending", Present: true, Evidence: "a reboot is pending: " + rebootRequired}
	if raw, err := slurp(ctx, e.deps.Files, rebootRequired+".pkgs"); err == nil {
		v.Evidence += ", because of " + oneLine(strings.Join(slices.Compact(strings.Fields(string(raw))), ", "), 120)
	}
	return v, nil
}

// replaced looks through all processes. Only root may look into those of other
// accounts: a part of them is no answer.
func replaced(ctx context.Context) (Value, error) {
	all, err := proc.All()
	if err != nil {
		return Value{}, unreadable("libraries", err)
	}
	var users []string
	for _, p := range all {
		if ctx.Err() != nil {
			return Value{}, unreadable("libraries", context.Cause(ctx))
		}
		if p.Kernel || p.Dead() {
			continue
		}
		raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "maps"))
		if errors.Is(err, fs.ErrPermission) {
			return Value{}, unreadable("libraries", fmt.Errorf("the libraries of process %s may not be looked at: this probe needs root", p))
		}
		if err != nil {
			continue // it has ended meanwhile
		}
		if old := deletedLibraries(string(raw)); len(old) > 0 {
			users = append(users, fmt.Sprintf("%s uses %s", p, filepath.Base(old[0])))
		}
	}
	if len(users) == 0 {
		return Value{Evidence: fmt.Sprintf("none of %d processes uses a library that was replaced", len(all))}, nil
	}
	return Value{Text: "pending", Present: true, Evidence: fmt.Sprintf("%d processes use libraries that were replaced: %s", len(users), oneLine(strings.Join(users, ", "), 160))}, nil
}

// deletedLibraries finds, in the text of /proc/PID/maps (proc(5)), programs and
// libraries whose file is gone or was replaced: mapped to be executed, and
// marked as deleted.
func deletedLibraries(maps string) []string {
	var out []string
	for line := range strings.Lines(maps) {
		path, ok := strings.CutSuffix(strings.TrimSpace(line), " (deleted)")
		if !ok {
			continue
		}
		f := strings.Fields(path)
		if len(f) < 6 || !strings.Contains(f[1], "x") {
			continue
		}
		name := path[strings.Index(path, f[5]):]
		inMemory := strings.HasPrefix(name, "/memfd:") || strings.HasPrefix(name, "/dev/") || strings.HasPrefix(name, "/SYSV") || strings.HasPrefix(name, "/tmp/") || strings.HasPrefix(name, "/[")
		if strings.HasPrefix(name, "/") && !inMemory && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
