package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"upkeep/internal/scope"
)

// readPackage: the version of an installed package, by the machine's own
// package manager. There is no value when it is not installed; one that is
// unpacked but not configured has its version with its state, which no wanted
// version equals. A pattern gives the packages that are not installed whole.
func readPackage(ctx context.Context, e *Evaluator, q query) (Value, error) {
	if e.deps.Commands == nil {
		return Value{}, unreadable(q.arg, errors.New("no commands can be run here"))
	}
	if strings.ContainsAny(q.arg, "*?[") {
		return e.broken(ctx, q)
	}
	const dpkg, rpm = "/var/lib/dpkg/status", "/var/lib/rpm"
	args := []string{"dpkg-query", "-W", "-f=${db:Status-Status}\t${Version}\n", "--", q.arg}
	if _, err := e.deps.Files.Stat(dpkg); errors.Is(err, fs.ErrNotExist) {
		if _, err := e.deps.Files.Stat(rpm); err != nil {
			return Value{}, unreadable(q.arg, errors.New("this computer has neither dpkg nor rpm"))
		}
		args = []string{"rpm", "-q", "--qf", "installed\t%{EVR}\n", "--", q.arg}
	} else if lines, known := e.listed(ctx, q); known && lines != "" {
		return installedPackage(q, args[0], lines)
	} else if known {
		return Value{Evidence: "dpkg-query does not know the package " + q.arg}, nil
	}
	out, err := e.run(ctx, q.timeout, args...)
	var exit *scope.ExitError
	switch {
	case errors.As(err, &exit) && exit.Code == 1:
		return Value{Evidence: fmt.Sprintf("%s does not know the package %s", args[0], q.arg)}, nil
	case err != nil:
		return Value{}, unreadable(q.arg, err)
	}
	return installedPackage(q, args[0], out)
}

// listed gives the lines of a package out of the list of all, which a sitting
// has dpkg-query write once. Not known: it must be asked for the package alone.
func (e *Evaluator) listed(ctx context.Context, q query) (lines string, known bool) {
	if e.sitting == nil || strings.Contains(q.arg, ":") { // of one architecture
		return "", false
	}
	list, err := e.sitting.packages(func() (map[string]string, error) {
		out, err := e.run(context.WithoutCancel(ctx), q.timeout, "dpkg-query", "-W", "-f=${Package}\t${db:Status-Status}\t${Version}\n")
		byName := map[string]string{}
		for line := range strings.Lines(out) {
			name, rest, _ := strings.Cut(line, "\t")
			byName[name] += rest
		}
		return byName, err
	})
	return list[q.arg], err == nil
}

// broken: of the packages that a pattern stands for, those that are not
// installed whole, one a line.
func (e *Evaluator) broken(ctx context.Context, q query) (Value, error) {
	if _, err := e.deps.Files.Stat("/var/lib/dpkg/status"); err != nil {
		return Value{}, unreadable(q.arg, errors.New("only dpkg can tell which packages are not installed whole, and this computer has none"))
	}
	out, err := e.run(ctx, q.timeout, "dpkg-query", "-W", "-f=${binary:Package}\t${db:Status-Status}\t${db:Status-Eflag}\t${Version}\n", "--", q.arg)
	var exit *scope.ExitError
	switch {
	case errors.As(err, &exit) && exit.Code == 1:
		return Value{Evidence: "no package is named as in " + q.arg}, nil
	case err != nil:
		return Value{}, unreadable(q.arg, err)
	}
	list, all := notWhole(out)
	if len(list) == 0 {
		return Value{Evidence: fmt.Sprintf("all of %d packages are installed whole, or not at all", all)}, nil
	}
	return Value{Text: strings.Join(list, "\n"), Present: true,
		Evidence: fmt.Sprintf("%d of %d packages are not installed whole: %s; dpkg --configure -a goes on with them, as root", len(list), all, oneLine(strings.Join(list, ", "), 160))}, nil
}

// notWhole reads lines of a package, its state, its error flag and its version.
func notWhole(text string) (list []string, all int) {
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 {
			continue
		}
		all++
		switch state := f[1]; {
		case f[2] == "reinstreq":
			list = append(list, fmt.Sprintf("%s %s (%s, must be installed anew)", f[0], f[3], state))
		case state != "installed" && state != "not-installed" && state != "config-files":
			list = append(list, fmt.Sprintf("%s %s (%s)", f[0], f[3], state))
		}
	}
	return list, all
}

func checkPackage(q query) error {
	switch many := strings.ContainsAny(q.arg, "*?["); {
	case strings.HasPrefix(q.arg, "-"):
		return malformed("%q is no name of a package", oneLine(q.arg, 80))
	case many && len(q.Expect) == 0:
		return malformed("a pattern gives the packages that are not installed whole: say expect: none")
	case many && q.Select != "":
		return malformed("of a pattern nothing can be selected")
	}
	return nil
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
