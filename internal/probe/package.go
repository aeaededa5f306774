package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"upkeep/internal/scope"
)

// readPackage: the version of an installed package, by the machine's own
// package manager. There is no value when it is not installed; one that is
// unpacked but not configured has its version with its state, which no wanted
// version equals.
func readPackage(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if e.deps.Commands == nil {
		return Value{}, unreadable(q.arg, errors.New("no commands can be run here"))
	}
	if strings.HasPrefix(q.arg, "-") || strings.ContainsAny(q.arg, "*?[") {
		return Value{}, unreadable(q.arg, errors.New("give the name of one package"))
	}
	const dpkg, rpm = "/var/lib/dpkg/status", "/var/lib/rpm"
	args := []string{"dpkg-query", "-W", "-f=${db:Status-Status}\t${Version}\n", "--", q.arg}
	if _, err := e.deps.Files.Stat(dpkg); errors.Is(err, fs.ErrNotExist) {
		if _, err := e.deps.Files.Stat(rpm); err != nil {
			return Value{}, unreadable(q.arg, errors.New("this computer has neither dpkg nor rpm"))
		}
		args = []string{"rpm", "-q", "--qf", "installed\t%{EVR}\n", "--", q.arg}
	}
	id, done := e.op.command()
	defer done()
	if err := ctx.Err(); err != nil {
		return Value{}, err
	}
	var out bounded
	_, err := e.deps.Commands.Run(ctx, scope.Command{OpID: id, Args: args, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"},
		Deadline: q.timeout, Grace: time.Second, Stdout: &out})
	var exit *scope.ExitError
	switch {
	case errors.As(err, &exit) && exit.Code == 1:
		return Value{Evidence: fmt.Sprintf("%s does not know the package %s", args[0], q.arg)}, nil
	case err != nil:
		return Value{}, unreadable(q.arg, err)
	}
	return installedPackage(q, args[0], out.String())
}

// installedPackage reads lines of a state and a version, one for each
// architecture that the package is installed for.
func installedPackage(q query, program, text string) (Value, error) {
	v, whole := Value{}, true
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		state, version, _ := strings.Cut(line, "\t")
		switch {
		case version == "" || state == "not-installed" || state == "config-files":
			continue
		case v.Present && v.Text != version:
			return Value{}, unreadable(q.arg, fmt.Errorf("it is installed as %s and as %s", v.Text, version))
		}
		v.Present, v.Evidence = true, fmt.Sprintf("package %s %s is %s (%s)", q.arg, version, state, program)
		if v.Text = version; state != "installed" {
			v.Text, whole = version+" ("+state+")", false
		}
	}
	if !v.Present {
		v.Evidence = "package " + q.arg + " is not installed (" + program + ")"
		return v, nil
	}
	if !whole {
		return v, nil // a selector must not cut off that
	}
	picked, err := q.pick([]byte(v.Text), true)
	if err != nil {
		return Value{}, unreadable(q.arg, err)
	}
	picked.Evidence = v.Evidence
	return picked, nil
}
